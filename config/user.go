package config

import (
	"strings"
	"time"
)

// User is one IAM user whose keys are rotated.
type User struct {
	User        string     `yaml:"user" jsonschema:"required" doc:"The account's name and the IAM user's name: account/user."`
	Policy      string     `yaml:"policy" jsonschema:"default=default" doc:"Name of the policy."`
	Bootstrap   bool       `yaml:"bootstrap" doc:"Create the first key when the user has none. Without it such a user halts."`
	ObserveOnly bool       `yaml:"observe_only" doc:"Change nothing for this user; only observe and report."`
	NoDelete    bool       `yaml:"no_delete" doc:"Never delete a key of this user; old keys stay Inactive."`
	Consumers   []Consumer `yaml:"consumers" jsonschema:"required,minItems=1" doc:"Everyone who uses the credential, as the places they read it from."`
}

// Account returns the name of the user's account in the configuration.
func (u User) Account() string {
	account, _, _ := strings.Cut(u.User, "/")
	return account
}

// Name returns the IAM user's name.
func (u User) Name() string {
	_, name, _ := strings.Cut(u.User, "/")
	return name
}

// LongestRefresh returns the longest time any of the user's consumers takes to
// read its store again.
func (u User) LongestRefresh() time.Duration {
	var longest time.Duration
	for _, c := range u.Consumers {
		longest = max(longest, c.Refreshes)
	}
	return longest
}

// Consumer is who uses a credential: a store and what is known of its readers.
type Consumer struct {
	Name      string        `yaml:"name" doc:"What status and metrics call it; by default the kind and place of its store."`
	Store     Store         `yaml:"store" jsonschema:"required" doc:"Where the credential is written to; exactly one kind."`
	Record    bool          `yaml:"record" doc:"This is the store of record: written first, and read back in recovery. By default the first readable store is; at most one a user."`
	Required  bool          `yaml:"required" jsonschema:"default=true" doc:"The old key is cut only after this consumer has the new one. Set false only where a broken consumer is acceptable."`
	Refreshes time.Duration `yaml:"refreshes" jsonschema:"default=0s" doc:"How long its readers may keep what they read. The overlap lasts at least as long."`
	Reload    *Reload       `yaml:"reload" doc:"How it is made to take what its store holds; without it, it reads its store by itself."`
	Probe     *Probe        `yaml:"probe" doc:"How one knows that it works with what its store holds."`
}
