package awsemu_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func TestTheAdministrationRefuses(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.user("ci")
	_, _, err := c.server.CreateAccessKey(prod, "ci")
	must(t, err)
	cases := map[string]struct {
		call func() error
		want error
	}{
		"an account id of eleven digits": {func() error { return c.server.CreateAccount("12345678901") }, awsemu.ErrInvalid},
		"an account twice":               {func() error { return c.server.CreateAccount(prod) }, awsemu.ErrExists},
		"a user twice":                   {func() error { return second(c.server.CreateUser(prod, "ci")) }, awsemu.ErrExists},
		"a user name with a blank":       {func() error { return second(c.server.CreateUser(prod, "c i")) }, awsemu.ErrInvalid},
		"a user of no account":           {func() error { return second(c.server.CreateUser(other, "ci")) }, awsemu.ErrUnknown},
		"a third key":                    {func() error { _, _, err := c.server.CreateAccessKey(prod, "ci"); return err }, awsemu.ErrInvalid},
		"an unknown key":                 {func() error { return c.server.DeleteKey("AKIA") }, awsemu.ErrUnknown},
		"an unknown status":              {func() error { return c.server.SetKeyStatus("AKIA", "Sleeping") }, awsemu.ErrInvalid},
		"a policy of nobody":             {func() error { return c.server.Deny(prod, "nobody", "*") }, awsemu.ErrUnknown},
		"a role with a session of a day": {func() error {
			return second(c.server.CreateRole(awsemu.Role{Account: prod, Name: "r", MaxSession: 24 * time.Hour}))
		}, awsemu.ErrInvalid},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			if err := tt.call(); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, secret := c.user("ci")
	own := iam.NewFromConfig(c.config(id, secret, ""))
	list := func() error { return second(own.ListAccessKeys(t.Context(), nil)) }
	wantCode(t, list(), "AccessDenied")
	must(t, c.server.Allow(prod, "ci", "iam:List*"))
	wantCode(t, list(), "")
	wantCode(t, second(own.CreateAccessKey(t.Context(), nil)), "AccessDenied")
	must(t, c.server.Deny(prod, "ci", "*"))
	wantCode(t, list(), "AccessDenied")
	if got := c.signIn(id, secret, ""); got != "" {
		t.Errorf("a denied user signs in with %q", got)
	}
	must(t, c.server.ClearPolicy(prod, "ci"))
	must(t, c.server.Deny(prod, awsemu.AdminUser, "iam:GetUser"))
	wantCode(t, second(c.iam().GetUser(t.Context(), nil)), "AccessDenied")
}

func TestARecreatedUserIsAnother(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	first, err := c.server.CreateUser(prod, "ci")
	must(t, err)
	id, secret, err := c.server.CreateAccessKey(prod, "ci")
	must(t, err)
	must(t, c.server.DeleteUser(prod, "ci"))
	again, err := c.server.CreateUser(prod, "ci")
	must(t, err)
	if first.ID == again.ID || first.ARN != again.ARN {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if got := c.signIn(id, secret, ""); got != "InvalidClientTokenId" {
		t.Errorf("the first user's key signs in with %q", got)
	}
}

func TestKeysAreBackdated(t *testing.T) {
	c := newCloud(t, awsemu.Options{ListLag: time.Hour})
	id, _ := c.user("ci")
	old := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	must(t, c.server.SetKeyCreated(id, old))
	must(t, c.server.SetKeyLastUsed(id, old.Add(time.Hour), "s3", "eu-north-1"))
	out, err := c.iam().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("ci")})
	must(t, err)
	if !out.AccessKeyMetadata[0].CreateDate.Equal(old) {
		t.Errorf("created %v", out.AccessKeyMetadata[0].CreateDate)
	}
	if at, where := c.lastUsed(id); !at.Equal(old.Add(time.Hour)) || where != "s3 eu-north-1" {
		t.Errorf("last used %v %s", at, where)
	}
	keys, err := c.server.Keys(prod, "ci")
	if err != nil || len(keys) != 1 || keys[0].ID != id || !keys[0].Created.Equal(old) {
		t.Errorf("keys %+v %v", keys, err)
	}
	must(t, c.server.SetKeyStatus(id, awsemu.Expired))
	out, err = c.iam().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("ci")})
	must(t, err)
	if len(out.AccessKeyMetadata) != 1 {
		t.Errorf("listed %+v", out.AccessKeyMetadata)
	}
}

func TestTheSeedDecidesEveryId(t *testing.T) {
	ids := func(seed uint64) string {
		c := newCloud(t, awsemu.Options{Seed: seed})
		id, secret := c.user("ci")
		next, nextSecret := c.create("ci")
		return fmt.Sprint(id, secret, next, nextSecret)
	}
	if first, again, other := ids(1), ids(1), ids(2); first != again || first == other {
		t.Error("ids do not follow the seed")
	}
}

func TestUsersAndTagsArePaged(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	var want []string
	for i := range 7 {
		name := fmt.Sprint("user-", i)
		c.user(name)
		want = append(want, name)
		_, err := c.iam().TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("user-0"), Tags: []types.Tag{{Key: &name, Value: &name}}})
		must(t, err)
	}
	var users, tags []string
	pages := iam.NewListUsersPaginator(c.iam(), &iam.ListUsersInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, u := range page.Users {
			users = append(users, *u.UserName)
		}
	}
	tagged := iam.NewListUserTagsPaginator(c.iam(), &iam.ListUserTagsInput{UserName: aws.String("user-0"), MaxItems: aws.Int32(2)})
	for tagged.HasMorePages() {
		page, err := tagged.NextPage(t.Context())
		must(t, err)
		for _, g := range page.Tags {
			tags = append(tags, *g.Key)
		}
	}
	if !slices.Equal(tags, want) || !slices.Equal(users, append([]string{awsemu.AdminUser}, want...)) {
		t.Errorf("users %v, tags %v", users, tags)
	}
	_, err := c.iam().ListUsers(t.Context(), &iam.ListUsersInput{Marker: aws.String("nonsense")})
	wantCode(t, err, "ValidationError")
	_, err = c.iam().ListUsers(t.Context(), &iam.ListUsersInput{MaxItems: aws.Int32(1001)})
	wantCode(t, err, "ValidationError")
	for i := range 44 {
		name := fmt.Sprint("more-", i)
		_, err = c.iam().TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("user-0"), Tags: []types.Tag{{Key: &name, Value: &name}}})
	}
	wantCode(t, err, "LimitExceeded")
}

func TestListeningIsForLoopbackOnly(t *testing.T) {
	s := awsemu.New(awsemu.Options{})
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "localhost:0", "example.com:80"} {
		if l, err := s.Listen(addr); !errors.Is(err, awsemu.ErrNotLoopback) {
			t.Errorf("%s: %v", addr, err)
			if l != nil {
				must(t, l.Close())
			}
		}
	}
	if _, err := s.Listen("127.0.0.1"); err == nil {
		t.Error("an address without a port is taken")
	}
}

func TestAListenerDropsConnectionsForFaults(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.user("ci")
	l, err := c.server.Listen("127.0.0.1:0")
	must(t, err)
	c.admin.BaseEndpoint = aws.String(l.URL())
	c.admin.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	c.server.Inject(awsemu.Fault{Kind: awsemu.LoseAnswer, Count: 1})
	if err := c.tryCreate(t.Context()); err == nil || c.truth() != 2 {
		t.Errorf("error %v, %d keys", err, c.truth())
	}
	must(t, l.Close())
	if err := c.tryCreate(t.Context()); err == nil {
		t.Error("a closed listener answers")
	}
}

func TestLatencyPassesAroundTheEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{Latency: [2]time.Duration{seconds(2), seconds(2)}})
		c.user("ci")
		from := time.Now()
		var moment time.Duration
		c.server.OnCall(func(_ awsemu.Call, stage awsemu.Stage) { moment = time.Since(from) })
		must(t, c.tryCreate(t.Context()))
		if took := time.Since(from); took != seconds(2) || moment != seconds(1) {
			t.Errorf("took %v, effect after %v", took, moment)
		}
	})
}

func TestManyCallersAtOnceStayWithinTheQuota(t *testing.T) {
	c := newCloud(t, awsemu.Options{ListLag: seconds(1), NewKeyDelay: [2]time.Duration{0, seconds(1)}})
	c.user("ci")
	c.server.Inject(awsemu.Fault{Kind: awsemu.Throttle, Probability: 0.1})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				_ = c.tryCreate(t.Context())
				_, _ = c.iam().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("ci")})
				_, _ = c.server.Calls(), c.server.SignIns()
				c.server.SetClockSkew(0)
			}
		})
	}
	wg.Wait()
	if c.truth() != 2 {
		t.Errorf("%d keys", c.truth())
	}
}
