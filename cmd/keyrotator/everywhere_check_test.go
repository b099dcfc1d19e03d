package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/config"
)

// told is what check has to say of a kind. Whoever cannot tell says so and why.
type told struct {
	// foreign is about a place that holds what nobody adopted, denied about a
	// permission that is missing; each is a part of the sentence, and silent
	// stands for a check that finds nothing.
	foreign, denied string
	why             string // of what cannot be told
}

const silent = "(nothing)"

// toldOfStores is of every kind of store; every one is given a foreign secret.
var toldOfStores = map[string]told{
	"secretsmanager": {foreign: "set adopt", denied: "allow secretsmanager:DescribeSecret"},
	"ssm":            {foreign: "set adopt", denied: "allow ssm:GetParameter"},
	"file":           {foreign: "set adopt", denied: "no such file or directory", why: "these tests may run as root, who lacks no permission"},
	"exec":           {foreign: "set adopt", denied: "the role lacks PutObject on this bucket"},
	"webhook":        {foreign: "set adopt", denied: "this user may not be written"},
	"github":         {foreign: "set adopt", denied: "lacks the scope repo"},
	"gitlab":         {foreign: "set adopt", denied: "lacks the scope api"},
	"terraform":      {foreign: "set adopt", denied: "Read and write variables"},
	"circleci":       {foreign: "set adopt", denied: silent, why: "its API tells nobody what a token may write"},
	"bitbucket":      {foreign: "set adopt", denied: silent, why: "its API tells nobody what a token may write"},
	"azuredevops":    {foreign: "set adopt", denied: "the role Administrator of the variable group"},
	"vault":          {foreign: "set adopt", denied: "allow update on everywhere/data/ci"},
	"kubernetes":     {foreign: "set adopt", denied: "verbs: [patch, create]"},
}

// toldOfReloads and toldOfProbes: nothing lies where those are.
var (
	toldOfReloads = map[string]told{
		"rollout": {denied: "verbs: [patch]"},
		"exec":    {denied: "polkit forbids it"},
		"webhook": {denied: "403 Forbidden: not for you"},
	}
	toldOfProbes = map[string]told{
		"sts":        {denied: silent, why: "signing in needs the user's secret, which no check is given; keyrotator signs in with every new key anyway"},
		"s3":         {denied: silent, why: "it asks as the user, whose secret no check is given"},
		"smtp":       {denied: "connection refused", why: "whether the user may send is told by a login alone; that the server answers is told before"},
		"http":       {denied: "it answers 403, want 200", why: "a page says no more of itself than its status"},
		"exec":       {denied: "no bucket of this name is seen"},
		"prometheus": {denied: "give the token read access"},
	}
)

// TestCheckNamesEveryMissingPermissionAndForeignSecretBeforeAKeyIsMade has one
// configuration with every kind of store, reload and probe. First all are well,
// then every place holds a credential that a person put there, and then nothing
// may be written, run or asked.
func TestCheckNamesEveryMissingPermissionAndForeignSecretBeforeAKeyIsMade(t *testing.T) {
	e := newEverywhere(t)
	e.announce(t)
	s := newServing(t, e)
	cfg := e.write(t, e.config("{}", slices.Concat(
		consumersOf(t, "store", toldOfStores, func(kind string, _ config.Store) string { return fmt.Sprintf("store: {%s}}}", e.places[kind].yaml) }),
		consumersOf(t, "reload", toldOfReloads, func(kind string, _ config.Reload) string { return s.served(t, "reload", kind) }),
		consumersOf(t, "probe", toldOfProbes, func(kind string, _ config.Probe) string { return s.served(t, "probe", kind) }),
	)...))
	names := e.names(t, cfg)
	if found := e.check(t); len(found) > 0 {
		t.Errorf("where all is well, check finds %+v", found)
	}

	for kind, p := range e.places {
		if err := p.seed(e.oldID, e.oldSecret); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	e.expect(t, "foreign", names, func(of told) string { return of.foreign })
	for kind, p := range e.places {
		if held, err := p.credential(); err != nil || held.AccessKeyID != e.oldID {
			t.Errorf("after a check %s holds %s (%v)", kind, held.AccessKeyID, err)
		}
	}

	for kind, p := range e.places {
		if err := p.forbid(); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	s.forbid(t)
	e.expect(t, "denied", names, func(of told) string { return of.denied })
}

// consumersOf makes a consumer of every kind that the configuration has; a kind
// that nothing is told of fails the test.
func consumersOf[Section any](t *testing.T, part string, of map[string]told, rest func(kind string, _ Section) string) []string {
	t.Helper()
	var consumers []string
	kindsOf(t, func(t *testing.T, kind string, section Section) {
		if of[kind].denied == "" || part == "store" && of[kind].foreign == "" {
			t.Errorf("nothing says what check has to tell of the %s %s", part, kind)
			return
		}
		if of[kind].denied == silent && of[kind].why == "" {
			t.Errorf("nothing says why check cannot tell what the %s %s lacks", part, kind)
		}
		consumers = append(consumers, fmt.Sprintf("{name: %s-%s, %s", part, kind, rest(kind, section)))
	})
	return consumers
}

// expect wants a finding at every place of which something is to be told, and
// none elsewhere.
func (e *everywhere) expect(t *testing.T, name string, names map[string]string, want func(told) string) {
	t.Helper()
	found := e.check(t)
	for consumer, place := range names {
		part, kind, _ := strings.Cut(consumer, "-")
		of := map[string]map[string]told{"store": toldOfStores, "reload": toldOfReloads, "probe": toldOfProbes}[part][kind]
		where, text := "user emu/ci, "+place, want(of)
		f, is := found[where]
		delete(found, where)
		switch {
		case text == "" || text == silent:
			if is {
				t.Errorf("%s, %s: %+v", name, consumer, f)
			}
		case !is:
			t.Errorf("%s, %s: check finds nothing at %s", name, consumer, where)
		case strings.Contains(f.Finding, e.oldSecret):
			t.Errorf("%s, %s: check shows the secret", name, consumer)
		case !strings.Contains(f.Finding, text) || name == "denied" && of.why == "" && f.Severity != severityDenied:
			t.Errorf("%s, %s: %s: %s (%s); want %q", name, consumer, f.Severity, f.Finding, f.Hint, text)
		}
	}
	for where, f := range found {
		t.Errorf("%s: %s: %+v", name, where, f)
	}
}
