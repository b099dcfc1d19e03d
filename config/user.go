package config

import (
	"path/filepath"
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
}

// Store is where a credential is written to. Exactly one field is set.
type Store struct {
	SecretsManager *SecretsManager `yaml:"secretsmanager" doc:"A secret in AWS Secrets Manager."`
	File           *File           `yaml:"file" doc:"A file on this machine."`
}

// Kind returns the key of the one kind that is set, empty for none.
func (s Store) Kind() string {
	switch {
	case s.SecretsManager != nil:
		return "secretsmanager"
	case s.File != nil:
		return "file"
	}
	return ""
}

// The forms a credential is written in.
const (
	FormatJSON        = "json"
	FormatDotenv      = "dotenv"
	FormatCredentials = "credentials"
	FormatTemplate    = "template"
)

// SecretsManager is a secret in AWS Secrets Manager. Account and Region are
// filled in from the user's account.
type SecretsManager struct {
	Secret  string `yaml:"secret" jsonschema:"required" doc:"The secret's name or ARN."`
	Region  string `yaml:"region" doc:"The secret's Region; by default the ARN's, else the account's."`
	Account string `yaml:"account" doc:"Name of another configured account that holds the secret; by default the user's own."`
	Format  string `yaml:"format" jsonschema:"default=json,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What is written: a JSON document, of which fields that are not ours are kept; dotenv lines; an AWS credentials file; or a template."`
	Profile string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape   `yaml:",inline"`
	Adopt   bool   `yaml:"adopt" doc:"Take over a secret that exists and was not made by keyrotator. One that holds a key which is not this user's is refused all the same."`
	Create  bool   `yaml:"create" doc:"Create the secret when it does not exist."`
	KMSKey  string `yaml:"kms_key" doc:"Id, ARN or alias of the KMS key for a secret that create makes; by default aws/secretsmanager."`
}

// File is a file on this machine, replaced atomically.
type File struct {
	Path    string `yaml:"path" jsonschema:"required" doc:"Its absolute path. The folder must exist."`
	Format  string `yaml:"format" jsonschema:"default=credentials,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What is written: an AWS credentials file, of which other profiles and comments are kept; a JSON document, of which fields that are not ours are kept; dotenv lines; or a template."`
	Profile string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Mode    string `yaml:"mode" jsonschema:"default=0600" doc:"The file's permissions in octal; others may never read it."`
	Shape   `yaml:",inline"`
	Adopt   bool `yaml:"adopt" doc:"Take over a file or profile that exists and was not made by keyrotator. One that holds a key which is not this user's is refused all the same."`
}

// Shape is what every kind that holds text can be told about it.
type Shape struct {
	Fields    Fields `yaml:"fields" doc:"The names of the values, for the formats json and dotenv."`
	Template  string `yaml:"template" doc:"The whole text as a Go template, for format template. Write a literal ${ as $${."`
	SESRegion string `yaml:"ses_region" doc:"Derive the Amazon SES SMTP user and password for this Region. With it, key_id and secret are written only when fields names them."`
}

// Fields names the values of a document. An empty name leaves the value out;
// Parse fills in the names that apply.
type Fields struct {
	KeyID        string `yaml:"key_id" doc:"Name of the access key id; AWS_ACCESS_KEY_ID unless ses_region is set."`
	Secret       string `yaml:"secret" doc:"Name of the secret access key; AWS_SECRET_ACCESS_KEY unless ses_region is set."`
	SMTPUser     string `yaml:"smtp_user" doc:"Name of the SES SMTP user; SMTP_USERNAME when ses_region is set."`
	SMTPPassword string `yaml:"smtp_password" doc:"Name of the SES SMTP password; SMTP_PASSWORD when ses_region is set."`
}

// HoldsSecret reports whether the secret access key itself can be read back.
// The SES SMTP password cannot be turned back into it.
func (s Store) HoldsSecret() bool {
	switch {
	case s.SecretsManager != nil:
		return holdsSecret(s.SecretsManager.Format, s.SecretsManager.Shape)
	case s.File != nil:
		return holdsSecret(s.File.Format, s.File.Shape)
	}
	return false
}

func holdsSecret(format string, shape Shape) bool {
	switch format {
	case FormatCredentials:
		return true
	case FormatJSON, FormatDotenv:
		return shape.Fields.KeyID != "" && shape.Fields.Secret != ""
	}
	return false
}

// Location names the place of a store whose defaults are filled in. Two stores
// with one location would overwrite each other.
func (s Store) Location() string {
	switch {
	case s.SecretsManager != nil:
		m := s.SecretsManager
		return "secretsmanager:" + m.Account + "/" + m.Region + "/" + secretName(m.Secret)
	case s.File != nil:
		location := "file:" + filepath.Clean(s.File.Path)
		if s.File.Format == FormatCredentials {
			location += "#" + s.File.Profile
		}
		return location
	}
	return ""
}
