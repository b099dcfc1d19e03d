package config

import "strings"

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
