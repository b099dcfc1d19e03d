package config

import "fmt"

func (c *checker) consumers(path string, u User, places *places) {
	at := path + ".consumers"
	if !c.usable(at) {
		return
	}
	if len(u.Consumers) == 0 {
		c.fail(at, "there is no consumer", "a key that is written nowhere would break whoever uses the old one")
		return
	}
	required := false
	records, names := 0, map[string]bool{}
	for i, consumer := range u.Consumers {
		here := fmt.Sprintf("%s[%d]", at, i)
		required = required || consumer.Required || !c.usable(here+".required")
		if consumer.Record {
			records++
			c.record(here, consumer, records)
		}
		if name := here + ".name"; c.given(name) && c.match(name, consumer.Name, entryName, "a name (letters, digits, dot, hyphen, underscore)") {
			if names[consumer.Name] {
				c.fail(name, fmt.Sprintf("this user has a consumer %q already", consumer.Name), "")
			}
			names[consumer.Name] = true
		}
		c.store(here+".store", consumer.Store)
		places.take(here+".store", consumer.Store)
		c.serving(here, consumer)
		if consumer.Reload != nil {
			c.action(here+".reload", *consumer.Reload)
		}
		if consumer.Probe != nil {
			c.action(here+".probe", *consumer.Probe)
		}
	}
	c.recordWave(at, u)
	if !required {
		c.fail(at, "no consumer is required", "the old key would be cut whether or not anyone has the new one")
	}
}

func (c *checker) record(path string, consumer Consumer, nth int) {
	at := path + ".record"
	switch {
	case nth > 1:
		c.failKey(at, "this user has a store of record already", "at most one record: true a user")
	case !consumer.Required:
		c.failKey(at, "the store of record must be required", "")
	case consumer.Store.Kind() != "" && c.usable(path+".store") && !consumer.Store.HoldsSecret():
		c.failKey(at, "the secret access key cannot be read back from this store, so it cannot be the store of record",
			"use a format that holds the key itself, beside what else it holds")
	}
}

// serving checks how a consumer takes its place among the others.
func (c *checker) serving(path string, consumer Consumer) {
	if consumer.Canary && c.given(path+".wave") {
		c.failKey(path+".wave", "has no use for a canary", "a canary comes before all waves")
	}
	if consumer.Required || !c.usable(path+".required") {
		return
	}
	// Nothing waits for an optional consumer.
	for _, key := range []string{"canary", "wave", "soak", "probe", "ack"} {
		if at := path + "." + key; c.given(at) {
			c.failKey(at, "has no use with required: false", "nothing waits for a consumer that is not required")
		}
	}
}

// recordWave checks that recovery can rely on the store of record: what it does
// not hold, nobody was given. One that comes after others must be able to take
// the key before its readers see it.
func (c *checker) recordWave(path string, u User) {
	rec, first := -1, -1
	for i, consumer := range u.Consumers {
		if !consumer.Required {
			continue
		}
		if first < 0 || consumer.Order() < u.Consumers[first].Order() {
			first = i
		}
		marked := rec >= 0 && u.Consumers[rec].Record
		if consumer.Record || rec < 0 && !marked && consumer.Store.HoldsSecret() {
			rec = i
		}
	}
	if rec < 0 || u.Consumers[rec].Order() == u.Consumers[first].Order() || u.Consumers[rec].Store.stages() {
		return
	}
	at := fmt.Sprintf("%s[%d]", path, rec)
	if c.saidAbout(at) || !c.usable(at) {
		return
	}
	c.fail(at, fmt.Sprintf("is the store of record and comes after consumers[%d], but a %s store cannot take a key before its readers see it",
		first, u.Consumers[rec].Store.Kind()), "put it into the first wave, or mark a secretsmanager store as the one of record")
}
