package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

// TestAConsumerAtRestGoesByTheNameThatTheJournalHas: the daemon's names are those
// of its fleet, of which each example has some.
func TestAConsumerAtRestGoesByTheNameThatTheJournalHas(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	kinds := map[string]bool{}
	examples, err := filepath.Glob(filepath.Join("..", "..", "examples", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		text, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		// The daemon's machine has these files.
		text = regexp.MustCompile(`(?m)^ *ca_file:.*\n`).ReplaceAll(text, nil)
		cfg, err := config.Parse(example, []byte(withIncluded(t, string(text))), config.OSEnv())
		if err != nil {
			t.Fatal(err)
		}
		fleet, err := buildFleet(t.Context(), cfg, reach{})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range cfg.Users {
			destinations := destinationsOf(cfg, u)
			for i, consumer := range fleet.Targets[rotator.User{Account: u.Account(), Name: u.Name()}].Consumers {
				kinds[u.Consumers[i].Store.Kind()] = true
				if destinations[i].store != consumer.Name() {
					t.Errorf("%s: %s is %s to the journal", example, destinations[i].store, consumer.Name())
				}
				if want := u.Consumers[i].Name; want != "" && destinations[i].name != want {
					t.Errorf("%s: %s is called %s", example, want, destinations[i].name)
				}
			}
		}
	}
	kindsOf(t, func(t *testing.T, kind string, _ config.Store) {
		if !kinds[kind] {
			t.Errorf("no example has a store of kind %s", kind)
		}
	})
}

func TestAConsumerThatDriftedAtRestIsNotInSync(t *testing.T) {
	cfg, err := config.Parse("test", []byte(`
accounts: {emu: {id: "111122223333", region: us-east-1}}
users:
  - user: emu/ci
    consumers:
      - {store: {secretsmanager: {secret: ci}}, name: runners}
      - {store: {file: {path: /etc/aws/credentials}}}
`), config.OSEnv())
	if err != nil {
		t.Fatal(err)
	}
	row := rotator.Row{User: ci, Progress: rotator.Progress{Phase: rotator.PhaseIdle, Current: "AKIA1", Drifted: "secretsmanager:us-east-1/ci"}}
	s := statusOf(cfg, cfg.Users[0], true, row)
	if len(s.Consumers) != 2 || s.Consumers[0].InSync || s.Consumers[0].Standing != rotator.StandingDrifted || !s.Consumers[1].InSync {
		t.Errorf("consumers %+v", s.Consumers)
	}
	if got := s.Consumers[0].Name; got != "runners" || s.Drifted != "runners" || !strings.HasPrefix(s.Consumers[1].Name, "file:/etc/aws/credentials") {
		t.Errorf("they are called %q (drifted %q) and %q", got, s.Drifted, s.Consumers[1].Name)
	}
}
