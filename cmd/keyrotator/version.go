package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker: -X main.version=… -X main.commit=… -X main.date=….
var (
	version string
	commit  string //nolint:gochecknoglobals // the linker sets variables of packages only
	date    string //nolint:gochecknoglobals // as commit
)

// buildInfo says what is running.
type buildInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Go      string `json:"go"`
}

// thisBuild is what the linker was told, else what the go command recorded.
func thisBuild() buildInfo {
	recorded, ok := debug.ReadBuildInfo()
	if !ok {
		recorded = &debug.BuildInfo{}
	}
	return buildInfo{Version: version, Commit: commit, Date: date, Go: runtime.Version()}.completed(recorded)
}

// completed fills in what is not known from what the go command recorded: the
// version of a module that was installed, the commit of a work tree.
func (b buildInfo) completed(recorded *debug.BuildInfo) buildInfo {
	settings := map[string]string{}
	for _, s := range recorded.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision != "" && settings["vcs.modified"] == "true" {
		revision += "+changes"
	}
	b.Version = cmp.Or(b.Version, recorded.Main.Version, "(devel)")
	b.Commit = cmp.Or(b.Commit, revision, "unknown")
	b.Date = cmp.Or(b.Date, settings["vcs.time"], "unknown")
	return b
}

func newVersionCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say what is running",
		Long:  "Prints version, commit, date of the commit and the Go release that built this program (-o table or json).",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if c.output == "json" {
				encoder := json.NewEncoder(c.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(b)
			}
			if c.output != "table" {
				return usageError(fmt.Errorf("version has no output form %q: want table or json", c.output))
			}
			_, err := fmt.Fprintf(c.stdout, "keyrotator %s\ncommit     %s\ndate       %s\ngo         %s\n", b.Version, b.Commit, b.Date, b.Go)
			return err
		},
	}
}
