package awsemu_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func (c *cloud) assume(cfg aws.Config, role, external string, length int32) (credential, error) {
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("test")}
	if external != "" {
		in.ExternalId = &external
	}
	if length != 0 {
		in.DurationSeconds = &length
	}
	out, err := sts.NewFromConfig(cfg).AssumeRole(c.t.Context(), in)
	if err != nil {
		return credential{}, err
	}
	return credential{*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken}, nil
}

func TestWhoMayAssumeARole(t *testing.T) {
	user := "arn:aws:iam::" + prod + ":user/ci"
	cases := map[string]struct {
		trusted  []string
		external string // of the role
		given    string
		home     string // the role's account
		allow    bool   // the user may call sts:AssumeRole
		deny     bool
		length   int32
		code     string
	}{
		"a trusted account whose user is allowed":        {trusted: []string{prod}, home: other, allow: true},
		"the same by the account's root ARN":             {trusted: []string{"arn:aws:iam::" + prod + ":root"}, home: other, allow: true},
		"a trusted account whose user is not allowed":    {trusted: []string{prod}, home: other, code: "AccessDenied"},
		"a named user of the same account needs no more": {trusted: []string{user}, home: prod},
		"a named user of another account needs a policy": {trusted: []string{user}, home: other, code: "AccessDenied"},
		"a named user that is denied":                    {trusted: []string{user}, home: prod, deny: true, code: "AccessDenied"},
		"a user that is not trusted":                     {trusted: []string{user + "2"}, home: prod, allow: true, code: "AccessDenied"},
		"the right external id":                          {trusted: []string{"*"}, home: other, allow: true, external: "word", given: "word"},
		"the wrong external id":                          {trusted: []string{"*"}, home: other, allow: true, external: "word", given: "else", code: "AccessDenied"},
		"no external id":                                 {trusted: []string{"*"}, home: other, allow: true, external: "word", code: "AccessDenied"},
		"an external id that nobody asked for":           {trusted: []string{"*"}, home: other, allow: true, given: "word"},
		"a session shorter than 15 minutes":              {trusted: []string{"*"}, home: other, allow: true, length: 899, code: "ValidationError"},
		"a session longer than the role's maximum":       {trusted: []string{"*"}, home: other, allow: true, length: 3601, code: "ValidationError"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, awsemu.Options{})
			must(t, c.server.CreateAccount(other))
			id, secret := c.user("ci")
			arn, err := c.server.CreateRole(awsemu.Role{Account: tt.home, Name: "r", ExternalID: tt.external, Trusted: tt.trusted})
			must(t, err)
			if tt.allow {
				must(t, c.server.Allow(prod, "ci", "sts:AssumeRole"))
			}
			if tt.deny {
				must(t, c.server.Deny(prod, "ci", "sts:*"))
			}
			_, err = c.assume(c.config(id, secret, ""), arn, tt.given, tt.length)
			wantCode(t, err, tt.code)
		})
	}
	t.Run("a role that does not exist", func(t *testing.T) {
		c := newCloud(t, awsemu.Options{})
		_, err := c.assume(c.admin, "arn:aws:iam::"+prod+":role/nothing", "", 0)
		wantCode(t, err, "AccessDenied")
	})
}

func TestASessionActsInItsAccountUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{})
		must(t, c.server.CreateAccount(other))
		_, err := c.server.CreateUser(other, "there")
		must(t, err)
		arn, err := c.server.CreateRole(awsemu.Role{Account: other, Name: "rotator", Trusted: []string{prod}})
		must(t, err)
		who, err := c.assume(c.admin, arn, "", 900)
		must(t, err)
		there := iam.NewFromConfig(c.config(who.id, who.secret, who.token))
		_, err = there.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("there")})
		must(t, err)
		_, err = there.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{})
		wantCode(t, err, "ValidationError")
		must(t, c.server.Deny(other, "rotator", "iam:DeleteAccessKey"))
		_, err = there.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("there"), AccessKeyId: aws.String("AKIA2222222222222222")})
		wantCode(t, err, "AccessDenied")
		for about, code := range map[credential]string{
			{who.id, who.secret, ""}:                  "InvalidClientTokenId",
			{who.id, who.secret, "forged"}:            "InvalidClientTokenId",
			{who.id, "wrong" + who.secret, who.token}: "SignatureDoesNotMatch",
			who: "",
		} {
			if got := c.signIn(about.id, about.secret, about.token); got != code {
				t.Errorf("signs in with %q, want %q", got, code)
			}
		}
		<-time.After(15 * time.Minute)
		if got := c.signIn(who.id, who.secret, who.token); got != "ExpiredToken" {
			t.Errorf("after its end: %q", got)
		}
	})
}

func TestARoleAssumedFromARoleLastsAnHourAtMost(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	first, err := c.server.CreateRole(awsemu.Role{Account: prod, Name: "first", Trusted: []string{prod}})
	must(t, err)
	next, err := c.server.CreateRole(awsemu.Role{Account: prod, Name: "next", Trusted: []string{first, prod}, MaxSession: 12 * time.Hour})
	must(t, err)
	who, err := c.assume(c.admin, first, "", 0)
	must(t, err)
	_, err = c.assume(c.config(who.id, who.secret, who.token), next, "", 7200)
	wantCode(t, err, "ValidationError")
	_, err = c.assume(c.config(who.id, who.secret, who.token), next, "", 3600)
	wantCode(t, err, "")
	_, err = c.assume(c.admin, next, "", 7200)
	wantCode(t, err, "")
}

func TestKeyIdsTellTheirAccount(t *testing.T) {
	for _, account := range []string{"000000000000", prod, "999999999999"} {
		c := newCloud(t, awsemu.Options{})
		if account != prod {
			must(t, c.server.CreateAccount(account))
		}
		id, _, err := c.server.Admin(account)
		must(t, err)
		out, err := sts.NewFromConfig(c.admin).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &id})
		must(t, err)
		if *out.Account != account {
			t.Errorf("key of %s tells %s", account, *out.Account)
		}
	}
}
