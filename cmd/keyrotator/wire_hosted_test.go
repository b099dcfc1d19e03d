package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

// The configuration refuses two writers of one place by the location that it
// knows, and the journal knows stores by theirs.
func TestHostedStoresOfTheExamplesAreWhereTheConfigurationSays(t *testing.T) {
	for kind, stores := range map[string]int{"github": 2, "gitlab": 3, "terraform": 2, "circleci": 3, "bitbucket": 3, "azuredevops": 3} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", kind+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse(kind, []byte(withIncluded(t, string(text))), config.OSEnv())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range cfg.Users {
			for _, c := range u.Consumers {
				if c.Store.Kind() != kind {
					continue
				}
				made, err := storeBuilder{}.store(rotator.User{Account: u.Account(), Name: u.Name()}, c.Store)
				if err != nil {
					t.Fatal(err)
				}
				if stores--; made.Describe().String() != c.Store.Location() {
					t.Errorf("the store is %s, the configuration says %s", made.Describe(), c.Store.Location())
				}
			}
		}
		if stores != 0 {
			t.Errorf("%d stores of kind %s were not found", stores, kind)
		}
	}
}
