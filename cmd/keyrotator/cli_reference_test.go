package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var updateDocs = flag.Bool("update", false, "rewrite docs/cli.md")

// The reference is made from the commands themselves, so that it cannot lie.
func TestTheReferenceOfTheCommandLineIsUpToDate(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "cli.md")
	want := commandReference(newRoot(newCLI(nil, nil, nil)))
	if *updateDocs {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: run go test ./cmd/keyrotator -run Reference -update", path)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, cmd := range commandsOf(newRoot(newCLI(nil, nil, nil))) {
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s has no help", cmd.CommandPath())
		}
	}
}

// commandsOf lists the commands of ours below root, in the order of their names.
func commandsOf(root *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		all = append(append(all, cmd), commandsOf(cmd)...)
	}
	return all
}

func commandReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("<!-- Made from the commands by: go test ./cmd/keyrotator -run Reference -update -->\n\n# Command line\n\n")
	b.WriteString(root.Long + "\n\nWhat commands print on stdout is data; messages go to stderr. A secret is never printed.\n\n")
	b.WriteString(`| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage or configuration; nothing was done |
| 3 | findings, or a user that needs a person |
| 4 | some of several things failed |
| 5 | denied by AWS |
| 6 | refused by a safety rule |

`)
	b.WriteString("## Options of every command\n\n" + flagTable(root.PersistentFlags()))
	for _, cmd := range commandsOf(root) {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n```\n%s\n```\n\n%s\n", strings.TrimPrefix(cmd.CommandPath(), "keyrotator "), cmd.Short, cmd.UseLine(), cmd.Long)
		if cmd.HasLocalFlags() {
			b.WriteString("\n" + flagTable(cmd.LocalFlags()))
		}
		if cmd.Example != "" {
			b.WriteString("\nFor example:\n\n```\n" + cmd.Example + "\n```\n")
		}
	}
	return b.String()
}

func flagTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("| option | default | meaning |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimSpace(name+" "+value), strings.ReplaceAll(f.DefValue, "|", `\|`), strings.ReplaceAll(usage, "|", `\|`))
	})
	return b.String()
}
