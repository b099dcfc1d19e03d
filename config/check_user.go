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
	lead := p.leadWith(gap, u.Pace())
	if c.usable(at) && lead.Total() >= p.MaxAge {
		c.fail(at, tooShort(u.Policy, p, lead), leadHint)
	}
}
