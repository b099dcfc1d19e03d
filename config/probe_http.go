package config

import (
	"strings"
	"time"
)

// ProbeHTTP asks the consumer's health page.
type ProbeHTTP struct {
	URL      string        `yaml:"url" jsonschema:"required" doc:"The page; redirects are not followed."`
	Status   int           `yaml:"status" jsonschema:"default=200,minimum=200,maximum=599" doc:"The status it has to answer with."`
	Contains string        `yaml:"contains" doc:"Text that the body has to hold; {key_id} in it stands for the id of the key that the consumer should have."`
	Field    string        `yaml:"field" doc:"A field of the JSON body, with dots between levels, such as aws.access_key_id."`
	Equals   string        `yaml:"equals" doc:"What field has to be, as text; {key_id} stands for the id of the key."`
	CAFile   string        `yaml:"ca_file" doc:"Absolute path of PEM certificates that are trusted beside the system's."`
	Timeout  time.Duration `yaml:"timeout" jsonschema:"default=10s" check:"positive" doc:"How long one try may take."`
}

func (*ProbeHTTP) complete(*Config, User, Consumer) {}

func (p *ProbeHTTP) check(c *checker, path string) {
	c.readURL(path+".url", p.URL)
	c.notEmpty(path+".contains", p.Contains)
	field, equals := c.given(path+".field"), c.given(path+".equals")
	switch {
	case equals && !field:
		c.failKey(path+".equals", "has no use without field", "name the field of the JSON body: field: aws.access_key_id")
	case field && !equals:
		c.failKey(path+".field", "has no use without equals", `say what it has to be: equals: "{key_id}"`)
	case field && c.usable(path+".field"):
		for part := range strings.SplitSeq(p.Field, ".") {
			if part == "" {
				c.fail(path+".field", "has an empty level", "like aws.access_key_id")
				break
			}
		}
	}
	c.caFile(path+".ca_file", p.CAFile)
	c.fitsAnEffect(path+".timeout", p.Timeout)
}

// ProbePrometheus asks a query.
type ProbePrometheus struct {
	URL     string        `yaml:"url" jsonschema:"required" doc:"The server's address, without /api/v1."`
	Query   string        `yaml:"query" jsonschema:"required" doc:"An instant query in PromQL. The probe fails when it answers anything: write the condition of an alert, such as rate(runner_errors_total[5m]) > 0.1."`
	Token   Secret        `yaml:"token" doc:"Sent as Authorization: Bearer. It needs https, or http on loopback."`
	CAFile  string        `yaml:"ca_file" doc:"Absolute path of PEM certificates that are trusted beside the system's."`
	Timeout time.Duration `yaml:"timeout" jsonschema:"default=10s" check:"positive" doc:"How long one try may take."`
}

func (*ProbePrometheus) complete(*Config, User, Consumer) {}

func (p *ProbePrometheus) check(c *checker, path string) {
	if c.given(path + ".token") {
		c.notEmpty(path+".token", p.Token.value)
		c.plainURL(path+".url", p.URL)
	} else {
		c.readURL(path+".url", p.URL)
	}
	if c.usable(path+".query") && strings.TrimSpace(p.Query) == "" {
		c.fail(path+".query", "is empty", "like rate(runner_errors_total[5m]) > 0.1")
	}
	c.caFile(path+".ca_file", p.CAFile)
	c.fitsAnEffect(path+".timeout", p.Timeout)
}
