package config

import (
	"reflect"
	"strings"
)

// complete fills in the defaults that depend on other values. It runs before
// the checks and so leaves alone whatever it cannot make sense of.
func (c *Config) complete() {
	if _, ok := c.Policies[DefaultPolicy]; !ok {
		var p Policy
		fillDefaults(reflect.ValueOf(&p).Elem())
		if c.Policies == nil {
			c.Policies = map[string]Policy{}
		}
		c.Policies[DefaultPolicy] = p
	}
	for name, a := range c.Accounts {
		if a.Partition == "" {
			a.Partition = partitionOf(a.Region)
			c.Accounts[name] = a
		}
	}
	if c.Sealing.Identity == "" && !c.SharedJournal() {
		c.Sealing.Identity = c.JournalPath() + ".identity"
	}
	for _, u := range c.Users {
		for i, consumer := range u.Consumers {
			if consumer.Canary && consumer.Soak == 0 {
				u.Consumers[i].Soak = canarySoak
			}
			if kind := consumer.Store.kind(); kind != nil {
				kind.complete(c, u)
			}
			if consumer.Reload != nil {
				completeKinds(*consumer.Reload, c, u, consumer)
			}
			if consumer.Probe != nil {
				completeKinds(*consumer.Probe, c, u, consumer)
			}
		}
	}
}

// partitionOf tells a Region's partition from its prefix.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	}
	return "aws"
}

// arn is an Amazon Resource Name taken apart.
type arn struct{ partition, service, region, account, resource string }

// parseARN takes arn:partition:service:region:account:resource apart.
func parseARN(text string) (arn, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return arn{}, false
	}
	return arn{parts[1], parts[2], parts[3], parts[4], parts[5]}, true
}
