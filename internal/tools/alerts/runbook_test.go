package alerts_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sections are those of the runbook, by heading.
func sections(t *testing.T) map[string]string {
	t.Helper()
	text := readAll(t, root+"/docs/runbook.md")
	found := map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n## ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		if _, double := found[heading]; double {
			t.Errorf("the runbook has %s twice", heading)
		}
		found[heading] = body
	}
	return found
}

func TestEachAlertHasItsSectionInTheRunbookAndEachSectionItsAlert(t *testing.T) {
	var alerts []string
	for _, r := range renderRules(t).rules() {
		alerts = append(alerts, r.Alert)
	}
	found := sections(t)
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, slices.Sorted(slices.Values(alerts))) {
		t.Errorf("sections %q,\nalerts %q", got, slices.Sorted(slices.Values(alerts)))
	}
	for heading, body := range found {
		for _, part := range []string{"**Means.** ", "**See.**", "**Do.** ", "**Do not** "} {
			if strings.Count(body, part) != 1 && !(part == "**Do.** " && strings.Contains(body, "**Do.**\n")) {
				t.Errorf("%s: %d times %s", heading, strings.Count(body, part), part)
			}
		}
		if len(queries(body)) == 0 {
			t.Errorf("%s has no query to see what the alert saw", heading)
		}
	}
}

var promql = regexp.MustCompile("(?s)```promql\n(.*?)\n```")

// queries are the blocks of PromQL in a text.
func queries(text string) []string {
	var found []string
	for _, m := range promql.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

var (
	blockCommand  = regexp.MustCompile(`(?m)^    (keyrotator .*?)(?: +#.*)?$`)
	inlineCommand = regexp.MustCompile("`(keyrotator [^`]+)`")
	word          = regexp.MustCompile(`"[^"]*"|\S+`)
	subcommand    = regexp.MustCompile(`^keyrotator(?: [a-z]+)+`)
	argument      = regexp.MustCompile(`^[A-Z][A-Z-]+$`)
)

// commands are what the runbook has one type.
func commands(t *testing.T) []string {
	t.Helper()
	text := readAll(t, root+"/docs/runbook.md")
	set := map[string]bool{}
	for _, pattern := range []*regexp.Regexp{blockCommand, inlineCommand} {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			set[strings.ReplaceAll(m[1], "\n", " ")] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// With --help at its end a command line is read as far as its options, and then
// nothing is done; the usage tells how many arguments there may be.
func TestTheProgramKnowsEveryCommandOfTheRunbook(t *testing.T) {
	bin := buildProgram(t)
	all := commands(t)
	if len(all) < 20 {
		t.Fatalf("only %d commands were found: %q", len(all), all)
	}
	for _, command := range all {
		args := word.FindAllString(command, -1)[1:]
		out, err := exec.CommandContext(t.Context(), bin, append(slices.Clone(args), "--help")...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
			continue
		}
		_, usage, _ := strings.Cut(string(out), "Usage:\n")
		usage, _, _ = strings.Cut(strings.TrimSpace(usage), "\n")
		if name := subcommand.FindString(command); !strings.HasPrefix(usage+" ", name+" ") {
			t.Errorf("%s: there is no such command", command)
		}
		if got, most := countArguments(args), countArguments(strings.FieldsFunc(usage, notOfWord)); got > most {
			t.Errorf("%s: %d arguments, the usage is %q", command, got, usage)
		}
	}
}

func notOfWord(r rune) bool { return strings.ContainsRune(" []|", r) }

func countArguments(words []string) int {
	n := 0
	for _, w := range words {
		if argument.MatchString(w) {
			n++
		}
	}
	return n
}

// buildProgram builds the program under test.
func buildProgram(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "keyrotator")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, root+"/cmd/keyrotator").CombinedOutput()
	if err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return bin
}
