package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keyrotator/keyrotator/config"
)

// guide are the pages of the operator's guide, by name.
func guide(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/operating/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("the guide has %d pages (%v)", len(paths), err)
	}
	pages := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(path)] = string(text)
	}
	return pages
}

var (
	typed = regexp.MustCompile(`(?m)^ {4,}(?:sudo -u keyrotator |kubectl [^\n]* -- )?keyrotator ([a-z][^#>&\n]*)`)
	word  = regexp.MustCompile(`"[^"]*"|\S+`)
)

func TestEveryCommandOfTheGuideIsOneThatTheProgramTakes(t *testing.T) {
	found := 0
	for name, text := range guide(t) {
		for _, line := range typed.FindAllStringSubmatch(text, -1) {
			found++
			arguments := word.FindAllString(line[1], -1)
			root := newRoot(newCLI(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}))
			command, rest, err := root.Find(arguments)
			if err == nil && command == root {
				t.Errorf("%s: keyrotator %s: there is no such command", name, line[1])
				continue
			}
			if err == nil {
				err = command.ParseFlags(rest)
			}
			if err == nil {
				err = command.ValidateArgs(command.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: keyrotator %s: %v", name, line[1], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("found are %d commands: the pattern does not find them any more", found)
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestEveryConfigurationOfTheGuideLoads(t *testing.T) {
	found := 0
	for name, text := range guide(t) {
		for _, block := range yamlBlock.FindAllStringSubmatch(text, -1) {
			var values struct {
				Config   yaml.MapSlice `yaml:"config"`
				Accounts yaml.MapSlice `yaml:"accounts"`
			}
			if err := yaml.Unmarshal([]byte(block[1]), &values); err != nil {
				t.Errorf("%s: %v\n%s", name, err, block[1])
				continue
			}
			configuration := block[1]
			switch {
			case values.Config != nil: // values of the chart
				text, err := yaml.Marshal(values.Config)
				if err != nil {
					t.Fatal(err)
				}
				configuration = string(text)
			case values.Accounts == nil: // a part, which the text puts into its place
				continue
			}
			found++
			path := filepath.Join(t.TempDir(), "keyrotator.yaml")
			if err := os.WriteFile(path, []byte(withIncluded(t, configuration)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if found < 6 {
		t.Errorf("found are %d configurations: the pattern does not find them any more", found)
	}
}
