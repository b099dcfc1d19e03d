package config

import (
	"fmt"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
)

// Reload is how a consumer is made to take the credential that its store holds.
// Exactly one of the pointers is set; each is a pointer to a type with the
// methods of actionKind.
type Reload struct {
	Rollout *Rollout       `yaml:"rollout" doc:"Restart workloads of a Kubernetes cluster."`
	Exec    *ReloadExec    `yaml:"exec" doc:"Run a program."`
	Webhook *ReloadWebhook `yaml:"webhook" doc:"Call a receiver of yours."`
	Limit   time.Duration  `yaml:"limit" jsonschema:"default=10m" check:"positive" doc:"How long it may take from the beginning of the reload until the consumer is healthy again. A reload that takes longer stops the cycle before the old key is touched."`
}

// Kind returns the key of the one kind that is set, empty for none.
func (r Reload) Kind() string { return firstKind(r) }

// JSONSchemaExtend says that a reload has exactly one kind.
func (Reload) JSONSchemaExtend(s *jsonschema.Schema) { exactlyOneKind(s, reflect.TypeFor[Reload]()) }

// ReloadExec is a program that reloads a consumer.
type ReloadExec struct {
	Program `yaml:",inline"`
	Waits   bool `yaml:"waits" doc:"The reload goes on after the program has ended: ask it with the verb reloaded whether it is complete. Without it the reload is complete once the program ends with 0."`
}

func (*ReloadExec) complete(*Config, User, Consumer) {}

func (r *ReloadExec) check(c *checker, path string) { c.program(path, r.Program) }

// ReloadWebhook is a receiver that reloads a consumer.
type ReloadWebhook struct {
	Hook      `yaml:",inline"`
	StatusURL string `yaml:"status_url" doc:"Asked by a signed GET whether the reload is complete: 200 or 204 for yes, 202 for not yet. Without it the reload is complete once url has answered with 2xx."`
	CheckURL  string `yaml:"check_url" doc:"Asked by a signed GET, before a key is made, whether a reload would work. Without it url is asked by OPTIONS."`
}

func (*ReloadWebhook) complete(*Config, User, Consumer) {}

func (r *ReloadWebhook) check(c *checker, path string) {
	c.hook(path, r.Hook)
	c.plainURL(path+".status_url", r.StatusURL)
	c.plainURL(path+".check_url", r.CheckURL)
}

// fitsAnEffect refuses a time limit of one act that is longer than what the
// program as a whole gives to any. A default that is longer is cut short by it.
func (c *checker) fitsAnEffect(path string, limit time.Duration) {
	if c.given(path) && c.usable(path) && c.usable("limits.shutdown") && limit > c.cfg.Limits.Shutdown {
		c.fail(path, fmt.Sprintf("%s is longer than limits.shutdown, %s", FormatDuration(limit), FormatDuration(c.cfg.Limits.Shutdown)),
			"no act may take longer than that; raise limits.shutdown and limits.lease, or let it go on in the background")
	}
}
