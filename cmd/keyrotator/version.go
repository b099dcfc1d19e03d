package main

import (
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
	b := buildInfo{Version: version, Commit: commit, Date: date, Go: runtime.Version()}
	recorded, ok := debug.ReadBuildInfo()
	if !ok {
		recorded = &debug.BuildInfo{}
	}
	settings := map[string]string{}
	for _, s := range recorded.Settings {
		settings[s.Key] = s.Value
	}
	or := func(field *string, values ...string) {
		for _, v := range values {
			if *field == "" {
				*field = v
			}
		}
	}
	changed := ""
	if settings["vcs.modified"] == "true" && settings["vcs.revision"] != "" {
		changed = "+changes"
	}
	or(&b.Version, recorded.Main.Version, "(devel)")
	or(&b.Commit, settings["vcs.revision"]+changed, "unknown")
	or(&b.Date, settings["vcs.time"], "unknown")
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
