package azuredevops

import (
	"slices"
	"strings"
	"testing"
)

func TestAMarkIsAddedBehindWhatIsThere(t *testing.T) {
	for _, tt := range []struct {
		name, description, owner string
		names                    []string
		want                     string
	}{
		{"nothing there", "", "prod/a", nil, "[keyrotator prod/a]"},
		{"text of a person", "For the shop.", "prod/a", []string{"KEY"}, "For the shop. [keyrotator prod/a: KEY]"},
		{"the same mark", "x [keyrotator prod/a: KEY]", "prod/a", []string{"KEY"}, "x [keyrotator prod/a: KEY]"},
		{"more names", "x [keyrotator prod/a: KEY]", "prod/a", []string{"id"}, "x [keyrotator prod/a: KEY ID]"},
		{"a name in another case", "x [keyrotator prod/a: KEY]", "prod/a", []string{"key"}, "x [keyrotator prod/a: KEY]"},
		{"another's mark", "x [keyrotator prod/b: KEY] y", "prod/a", []string{"ID"}, "x [keyrotator prod/b: KEY] y [keyrotator prod/a: ID]"},
		{"a bracket that is no mark", "[keyrotator]", "prod/a", nil, "[keyrotator] [keyrotator prod/a]"},
	} {
		if got := withMark(tt.description, tt.owner, tt.names); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzMark(f *testing.F) {
	f.Add("For the shop.", "prod/a", "KEY")
	f.Add("[keyrotator prod/b: KEY] [keyrotator prod/a", "prod/a", "id")
	f.Fuzz(func(t *testing.T, description, owner, name string) {
		if !validOwner(owner) || !validName(name) {
			return
		}
		before := readMarks(description)
		marked := withMark(description, owner, []string{name})
		after := readMarks(marked)
		if !slices.Contains(after[owner], strings.ToUpper(name)) {
			t.Errorf("%q does not mark %s as that of %s", marked, name, owner)
		}
		for other, names := range before {
			for _, n := range names {
				if !slices.Contains(after[other], n) {
					t.Errorf("%q became %q and lost that %s is of %s", description, marked, n, other)
				}
			}
		}
		if again := withMark(marked, owner, []string{name}); again != marked {
			t.Errorf("a second mark changes %q to %q", marked, again)
		}
	})
}
