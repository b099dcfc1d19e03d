package awsemu_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func statusType(s awsemu.Status) types.StatusType { return types.StatusType(s) }

func TestAKeyLivesFromCreationToDeletion(t *testing.T) {
	c := newCloud(t, awsemu.Options{Seed: 1})
	oldID, oldSecret := c.user("ci")
	newID, newSecret := c.create("ci")
	if got, want := c.listed("ci"), []string{oldID, newID}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	out, err := sts.NewFromConfig(c.config(newID, newSecret, "")).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	must(t, err)
	if want := "arn:aws:iam::" + prod + ":user/ci"; *out.Arn != want || *out.Account != prod || !strings.HasPrefix(*out.UserId, "AIDA") {
		t.Errorf("identity %s %s %s, want %s", *out.Arn, *out.Account, *out.UserId, want)
	}
	c.setStatus("ci", oldID, awsemu.Inactive)
	if got := c.signIn(oldID, oldSecret, ""); got != "InvalidClientTokenId" {
		t.Errorf("inactive key signs in with %q", got)
	}
	c.setStatus("ci", oldID, awsemu.Active)
	if got := c.signIn(oldID, oldSecret, ""); got != "" {
		t.Errorf("reactivated key signs in with %q", got)
	}
	_, err = c.iam().DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("ci"), AccessKeyId: &oldID})
	must(t, err)
	if got := c.signIn(oldID, oldSecret, ""); got != "InvalidClientTokenId" {
		t.Errorf("deleted key signs in with %q", got)
	}
	if got := c.listed("ci"); !slices.Equal(got, []string{newID}) {
		t.Errorf("listed %v after the deletion", got)
	}
}

func TestTheQuotaOfTwoCountsInactiveKeys(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, _ := c.user("ci")
	c.setStatus("ci", id, awsemu.Inactive)
	c.create("ci")
	_, err := c.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ci")})
	wantCode(t, err, "LimitExceeded")
	if status(err) != http.StatusConflict || !strings.Contains(err.Error(), "Cannot exceed quota for AccessKeysPerUser: 2") {
		t.Errorf("third key: %d %v", status(err), err)
	}
}

func TestKeyCallsOnUnknownThings(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, _ := c.user("ci")
	c.user("else")
	nobody, unknown := "nobody", "AKIA2222222222222222"
	gone, _ := c.create("ci")
	must(t, c.server.DeleteKey(gone))
	must(t, c.server.CreateAccount(other))
	foreign, _, err := c.server.Admin(other)
	must(t, err)
	calls := map[string]func() error{
		"create for an unknown user": func() error {
			_, err := c.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &nobody})
			return err
		},
		"list an unknown user": func() error {
			_, err := c.iam().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &nobody})
			return err
		},
		"update an unknown key": func() error {
			_, err := c.iam().UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("ci"), AccessKeyId: &unknown, Status: types.StatusTypeInactive})
			return err
		},
		"delete another user's key": func() error {
			_, err := c.iam().DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("else"), AccessKeyId: &id})
			return err
		},
		"delete without a user name, as the administrator": func() error {
			_, err := c.iam().DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{AccessKeyId: &id})
			return err
		},
		"last use of a deleted key": func() error {
			_, err := c.iam().GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &gone})
			return err
		},
		"last use of another account's key": func() error {
			_, err := c.iam().GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &foreign})
			return err
		},
		"last use of an unknown key": func() error {
			_, err := c.iam().GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &unknown})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			err := call()
			wantCode(t, err, "NoSuchEntity")
			if status(err) != http.StatusNotFound {
				t.Errorf("status %d", status(err))
			}
		})
	}
}

func TestAUserWithKeysCannotBeDeleted(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, _ := c.user("ci")
	remove := func() error {
		_, err := c.iam().DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("ci")})
		return err
	}
	err := remove()
	wantCode(t, err, "DeleteConflict")
	if status(err) != http.StatusConflict {
		t.Errorf("status %d", status(err))
	}
	must(t, c.server.DeleteKey(id))
	wantCode(t, remove(), "")
}

func TestKeysArePaged(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.user("ci")
	c.create("ci")
	pages := iam.NewListAccessKeysPaginator(c.iam(), &iam.ListAccessKeysInput{UserName: aws.String("ci"), MaxItems: aws.Int32(1)})
	n := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		if len(page.AccessKeyMetadata) != 1 {
			t.Errorf("page %d holds %d keys", n, len(page.AccessKeyMetadata))
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d pages, want 2", n)
	}
}

func TestANewKeyIsRefusedUntilItHasSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{NewKeyDelay: [2]time.Duration{seconds(3), seconds(15)}})
		c.user("ci")
		id, secret := c.create("ci")
		from := time.Now()
		for c.signIn(id, secret, "") == "InvalidClientTokenId" {
			<-time.After(100 * time.Millisecond)
		}
		if took := time.Since(from); took < seconds(3) || took > seconds(16) {
			t.Errorf("usable after %v", took)
		}
	})
}

func TestADeadKeyWorksOnForItsGrace(t *testing.T) {
	kill := map[string]func(c *cloud, id string){
		"made inactive": func(c *cloud, id string) { c.setStatus("ci", id, awsemu.Inactive) },
		"deleted": func(c *cloud, id string) {
			_, err := c.iam().DeleteAccessKey(c.t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("ci"), AccessKeyId: &id})
			must(c.t, err)
		},
		"made inactive, then deleted at once": func(c *cloud, id string) {
			must(c.t, c.server.SetKeyStatus(id, awsemu.Inactive))
			must(c.t, c.server.DeleteKey(id))
		},
	}
	for name, dead := range kill {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCloud(t, awsemu.Options{DeadKeyGrace: seconds(4)})
				id, secret := c.user("ci")
				dead(c, id)
				<-time.After(seconds(3))
				if got := c.signIn(id, secret, ""); got != "" {
					t.Errorf("within the grace: %q", got)
				}
				<-time.After(seconds(2))
				if got := c.signIn(id, secret, ""); got != "InvalidClientTokenId" {
					t.Errorf("after the grace: %q", got)
				}
			})
		})
	}
}

func TestDeletingADeadKeyDoesNotReviveIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{DeadKeyGrace: seconds(4)})
		id, secret := c.user("ci")
		c.setStatus("ci", id, awsemu.Inactive)
		<-time.After(seconds(5))
		must(t, c.server.DeleteKey(id))
		if got := c.signIn(id, secret, ""); got != "InvalidClientTokenId" {
			t.Errorf("signs in with %q", got)
		}
	})
}

func TestListsAreStaleUpToTheirLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{Seed: 3, ListLag: seconds(10)})
		id, _ := c.user("ci")
		created, _ := c.create("ci")
		stale := 0
		for range 30 {
			switch got := c.listed("ci"); {
			case slices.Equal(got, []string{id}):
				stale++
			case !slices.Equal(got, []string{id, created}):
				t.Fatalf("listed %v", got)
			}
			<-time.After(100 * time.Millisecond)
		}
		if stale == 0 {
			t.Error("no list was stale")
		}
		<-time.After(seconds(10))
		for range 30 {
			if got := c.listed("ci"); len(got) != 2 {
				t.Fatalf("listed %v after the lag", got)
			}
		}
	})
}

func TestAnEmptyUserNameMeansTheCaller(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, secret := c.user("ci")
	must(t, c.server.Allow(prod, "ci", "iam:*AccessKey*"))
	own := iam.NewFromConfig(c.config(id, secret, ""))
	out, err := own.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{})
	must(t, err)
	if *out.AccessKey.UserName != "ci" {
		t.Errorf("made a key of %q", *out.AccessKey.UserName)
	}
	last := c.server.Calls()[0]
	if last.User != "ci" {
		t.Errorf("call log names user %q", last.User)
	}
}
