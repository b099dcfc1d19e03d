package store_test

import (
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// The expected passwords are the vectors by which the AWS provider for
// Terraform checks the same derivation (TestSESSMTPPasswordFromSecretKeySigV4).
func TestSMTPPasswordsAreTheOnesThatAWSDerives(t *testing.T) {
	for _, x := range []struct{ secret, region, password string }{
		{"some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"},
		{"another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"},
		{"some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"},
		{"another+secret+key", "us-west-1", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"},
	} {
		if got := store.SMTPPassword(x.secret, x.region); got != x.password {
			t.Errorf("SMTPPassword(%q, %q) = %q, want %q", x.secret, x.region, got, x.password)
		}
	}
}
