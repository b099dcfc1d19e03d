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
		for _, consumer := range u.Consumers {
			c.completeStore(u, consumer.Store)
		}
	}
}

func (c *Config) completeStore(u User, s Store) {
	if m := s.SecretsManager; m != nil {
		if m.Account == "" {
			m.Account = u.Account()
		}
		if m.Region == "" {
			m.Region = c.Accounts[m.Account].Region
			if arn, ok := parseARN(m.Secret); ok {
				m.Region = arn.region
			}
		}
		m.Shape.complete(m.Format)
	}
	if f := s.File; f != nil {
		f.Shape.complete(f.Format)
	}
}

// complete names the fields of a document. With ses_region the access key
// itself is written only where it was asked for.
func (s *Shape) complete(format string) {
	if format != FormatJSON && format != FormatDotenv {
		return
	}
	f := &s.Fields
	if s.SESRegion != "" {
		if f.SMTPUser == "" {
			f.SMTPUser = "SMTP_USERNAME"
		}
		if f.SMTPPassword == "" {
			f.SMTPPassword = "SMTP_PASSWORD"
		}
		return
	}
	if f.KeyID == "" {
		f.KeyID = "AWS_ACCESS_KEY_ID"
	}
	if f.Secret == "" {
		f.Secret = "AWS_SECRET_ACCESS_KEY"
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

// secretSuffix is the length of the hyphen and six characters that Secrets
// Manager appends to a secret's name in its ARN.
const secretSuffix = 7

// secretName returns the name of a secret given by name or by ARN.
func secretName(secret string) string {
	parsed, ok := parseARN(secret)
	if !ok {
		return secret
	}
	name := strings.TrimPrefix(parsed.resource, "secret:")
	if cut := len(name) - secretSuffix; cut > 0 && name[cut] == '-' {
		return name[:cut]
	}
	return name
}
