package config

import "time"

// Consumer is who uses a credential: a store and what is known of its readers.
type Consumer struct {
	Name      string        `yaml:"name" doc:"What status and metrics call it; by default the kind and place of its store."`
	Store     Store         `yaml:"store" jsonschema:"required" doc:"Where the credential is written to; exactly one kind."`
	Record    bool          `yaml:"record" doc:"This is the store of record: written first, and read back in recovery. By default the first readable store is; at most one a user."`
	Required  bool          `yaml:"required" jsonschema:"default=true" doc:"The old key is cut only after this consumer has the new one. Set false only where a broken consumer is acceptable."`
	Refreshes time.Duration `yaml:"refreshes" jsonschema:"default=0s" doc:"How long its readers may keep what they read. The overlap lasts at least as long."`
	Canary    bool          `yaml:"canary" doc:"It gets the new key before all waves, and soaks before the first of them."`
	Wave      int           `yaml:"wave" jsonschema:"default=0,minimum=0,maximum=100" doc:"Waves come one after the other: a consumer is given the new key once every required one of the waves before has taken it."`
	Soak      time.Duration `yaml:"soak" doc:"How long it runs with the new key, and is probed, before the next wave begins; for a canary an hour unless said."`
	Reload    *Reload       `yaml:"reload" doc:"How it is made to take what its store holds; without it, it reads its store by itself."`
	Probe     *Probe        `yaml:"probe" doc:"How one knows that it works with what its store holds."`
	Ack       *Ack          `yaml:"ack" doc:"It is to tell that it has the new key, by keyrotator ack or by a signed call, before the old one is touched."`
}

// Ack is a consumer's word that it has the new key.
type Ack struct {
	Within time.Duration `yaml:"within" jsonschema:"default=24h" check:"positive" doc:"After this time it is overdue: a metric and status say so, and the rotation waits on."`
}

// canarySoak is how long a canary soaks that does not say.
const canarySoak = time.Hour

// Order is the consumer's place among the waves: 0 for a canary, one more than
// its wave for all others.
func (c Consumer) Order() int {
	if c.Canary {
		return 0
	}
	return c.Wave + 1
}
