package config

import (
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
)

// Probe is how one knows that a consumer works with the credential that its
// store holds. Exactly one of the pointers is set; each is a pointer to a type
// with the methods of actionKind.
type Probe struct {
	STS        *ProbeSTS        `yaml:"sts" doc:"Sign in as the user, in the Regions that the consumer uses."`
	S3         *ProbeS3         `yaml:"s3" doc:"Ask Amazon S3 for a bucket or an object with the credential."`
	SMTP       *ProbeSMTP       `yaml:"smtp" doc:"Log in to Amazon SES over SMTP with the password derived from the secret."`
	HTTP       *ProbeHTTP       `yaml:"http" doc:"Ask the consumer's own health page. No credential is sent."`
	Exec       *ProbeExec       `yaml:"exec" doc:"Run a program that tries the credential."`
	Prometheus *ProbePrometheus `yaml:"prometheus" doc:"Ask Prometheus a query that answers nothing as long as the consumer is well. No credential is sent."`
	Successes  int              `yaml:"successes" jsonschema:"default=1,minimum=1,maximum=100" doc:"How often in a row the probe has to succeed."`
	Every      time.Duration    `yaml:"every" jsonschema:"default=1m" check:"positive" doc:"The time between two tries."`
}

// Kind returns the key of the one kind that is set, empty for none.
func (p Probe) Kind() string { return firstKind(p) }

// JSONSchemaExtend says that a probe has exactly one kind.
func (Probe) JSONSchemaExtend(s *jsonschema.Schema) { exactlyOneKind(s, reflect.TypeFor[Probe]()) }

// ProbeSTS signs in as the user.
type ProbeSTS struct {
	Regions []string `yaml:"regions" doc:"The Regions to sign in to; by default the account's."`
}

func (p *ProbeSTS) complete(c *Config, u User, _ Consumer) {
	if region := c.Accounts[u.Account()].Region; len(p.Regions) == 0 && region != "" {
		p.Regions = []string{region}
	}
}

func (p *ProbeSTS) check(c *checker, path string) {
	if c.given(path + ".regions") {
		c.regions(path+".regions", p.Regions)
	}
}

// ProbeExec is a program that tries a credential.
type ProbeExec struct {
	Program `yaml:",inline"`
	Format  string `yaml:"format" jsonschema:"default=json,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What the program reads from its standard input: a JSON document, dotenv lines, an AWS credentials file, or a template."`
	Profile string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape   `yaml:",inline"`
}

func (p *ProbeExec) complete(*Config, User, Consumer) { p.Shape.complete(p.Format) }

func (p *ProbeExec) check(c *checker, path string) {
	c.program(path, p.Program)
	c.profile(path, p.Format, p.Profile)
	c.shape(path, p.Format, p.Shape)
}
