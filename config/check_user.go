package config

import (
	"fmt"
)

func (c *checker) users() {
	owner := map[string]int{}
	places := newPlaces(c)
	for i, u := range c.cfg.Users {
		path := fmt.Sprintf("users[%d]", i)
		c.userName(path, u)
		if c.usable(path + ".user") {
			if first, taken := owner[u.User]; taken {
				c.fail(path+".user", fmt.Sprintf("%q is users[%d] already", u.User, first), "one entry a user, with all its consumers")
			} else {
				owner[u.User] = i
			}
		}
		if at := path + ".policy"; c.usable(at) {
			if _, ok := c.cfg.Policies[u.Policy]; !ok {
				names := sortedKeys(c.cfg.Policies)
				c.fail(at, fmt.Sprintf("there is no policy %q", u.Policy), suggestName("policies", u.Policy, names))
			}
		}
		c.consumers(path, u, places)
		c.userLead(path, u)
	}
}

func suggestName(what, name string, known []string) string {
	if hint := didYouMean(nearest(name, known)); hint != "" {
		return hint
	}
	return fmt.Sprintf("configured %s: %s", what, listNames(known))
}

func listNames(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	const most = 12
	text := ""
	for i, name := range names {
		switch {
		case i == most:
			return text + ", …"
		case i > 0:
			text += ", "
		}
		text += name
	}
	return text
}

func (c *checker) userName(path string, u User) {
	at := path + ".user"
	if !c.usable(at) {
		return
	}
	switch {
	case u.Account() == "" || u.Name() == "":
		// To IAM an empty user name means the caller itself.
		c.fail(at, fmt.Sprintf("%q is not account/user", u.User), "like prod/ci-deployer")
		return
	case !iamUserName.MatchString(u.Name()):
		c.fail(at, fmt.Sprintf("%q is not an IAM user name (1 to 64 letters, digits or +=,.@-_)", u.Name()), "without the user's path")
		return
	}
	c.knownAccount(at, u.Account())
}

func (c *checker) knownAccount(at, name string) {
	if _, ok := c.cfg.Accounts[name]; !ok && c.usable("accounts") {
		c.fail(at, fmt.Sprintf("there is no account %q", name), suggestName("accounts", name, c.cfg.AccountNames()))
	}
}

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
		if consumer.Reload != nil {
			c.action(here+".reload", *consumer.Reload)
		}
		if consumer.Probe != nil {
			c.action(here+".probe", *consumer.Probe)
		}
	}
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

// userLead checks that a policy still meets its age with this user's slowest
// reader; the policy alone has been checked.
func (c *checker) userLead(path string, u User) {
	gap, sound := c.gaps[u.Policy]
	if !sound || len(u.Consumers) == 0 {
		return
	}
	p := c.cfg.Policies[u.Policy]
	slowest := 0
	for i, consumer := range u.Consumers {
		if consumer.Refreshes > u.Consumers[slowest].Refreshes {
			slowest = i
		}
	}
	at := fmt.Sprintf("%s.consumers[%d].refreshes", path, slowest)
	lead := p.leadWith(gap, u.Consumers[slowest].Refreshes)
	if c.usable(at) && lead.Total() >= p.MaxAge {
		c.fail(at, tooShort(u.Policy, p, lead), leadHint)
	}
}
