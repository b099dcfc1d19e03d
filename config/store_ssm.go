package config

import (
	"fmt"
	"regexp"
	"strings"
)

// SSM is one or more parameters of AWS Systems Manager Parameter Store. Account
// and Region are filled in from the user's account.
type SSM struct {
	Path      string `yaml:"path" doc:"What the parameters' names begin with, such as /prod/ci-deployer; a slash joins it with each name. By default the names stand alone."`
	Region    string `yaml:"region" doc:"The parameters' Region; by default the account's."`
	Account   string `yaml:"account" doc:"Name of another configured account that holds the parameters; by default the user's own."`
	Variables `yaml:",inline"`
	Adopt     bool   `yaml:"adopt" doc:"Take over parameters that exist and were not made by keyrotator. One that holds a key which is not this user's is refused all the same."`
	Create    bool   `yaml:"create" doc:"Create parameters that do not exist."`
	KMSKey    string `yaml:"kms_key" doc:"Id, ARN or alias of the KMS key to encrypt with; by default the one that a parameter has, and alias/aws/ssm for one that create makes."`
	Tier      string `yaml:"tier" jsonschema:"enum=standard,enum=advanced,enum=intelligent" doc:"The parameters' tier; by default the one that a parameter has, and the account's default for one that create makes. AWS never takes a tier back."`
}

// The limits of names: API reference, PutParameter, Name.
const (
	maxParameterARN    = 1011
	maxParameterLevels = 15
)

var (
	parameterPath = regexp.MustCompile(`^(/[\w.-]+)+$`)
	parameterName = regexp.MustCompile(`^[\w.-]+$`)
)

func (s *SSM) complete(c *Config, u User) {
	if s.Account == "" {
		s.Account = u.Account()
	}
	if s.Region == "" {
		s.Region = c.Accounts[s.Account].Region
	}
	s.Variables.complete()
}

// Full returns the whole name of a parameter, whose name may be empty for one
// that is not written.
func (s *SSM) Full(name string) string {
	if s.Path == "" || name == "" {
		return name
	}
	return s.Path + "/" + name
}

func (s *SSM) place() string { return s.Account + "/" + s.Region + ":" + s.Path }

func (s *SSM) location() string { return s.place() + "#" + strings.Join(s.names(), ",") }

func (s *SSM) parts() []string { return s.partsOf(s.place()) }

func (s *SSM) holdsSecret() bool { return s.Variables.holdsSecret() }

func (s *SSM) check(c *checker, path string) {
	if c.given(path+".account") && c.usable(path+".account") {
		c.knownAccount(path+".account", s.Account)
	}
	c.optional(path+".region", s.Region, regionName, "a Region such as eu-west-1")
	c.optional(path+".path", s.Path, parameterPath, "a path such as /prod/ci-deployer")
	if at := path + ".kms_key"; c.given(at) && c.usable(at) && s.KMSKey == "" {
		c.fail(at, "is empty", "leave the key out for the parameter's own")
	}
	c.variables(path, s.Variables, parameterName, "a parameter's name behind its path: letters, digits or _.-")
	if c.usable(path+".path") && !c.saidAbout(path) {
		s.checkNames(c, path)
	}
}

// checkNames refuses what AWS does not take as a whole name.
func (s *SSM) checkNames(c *checker, path string) {
	for _, name := range s.names() {
		full := s.Full(name)
		arn := "arn:aws:ssm:" + s.Region + ":" + c.cfg.Accounts[s.Account].ID + ":parameter/" + strings.TrimPrefix(full, "/")
		first := strings.ToLower(strings.TrimPrefix(full, "/"))
		switch {
		case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"):
			c.failKey(path, fmt.Sprintf("AWS keeps names like %s to itself, which begin with aws or ssm", full), "give a path such as /prod/ci-deployer")
		case strings.Count(full, "/") > maxParameterLevels:
			c.failKey(path, fmt.Sprintf("%s has more than %d levels", full, maxParameterLevels), "")
		case len(arn) > maxParameterARN:
			c.failKey(path, fmt.Sprintf("a parameter's ARN would have more than %d characters", maxParameterARN), "shorten path")
		default:
			continue
		}
		return
	}
}
