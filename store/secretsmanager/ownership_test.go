package secretsmanager_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/secretsmanager"
)

var errCrash = errors.New("the process dies here")

func TestACrashAnywhereNeitherClaimsAForeignSecretNorLosesOurs(t *testing.T) {
	const theirs = `{"access_key_id":"AKIAFOREIGN","secret_access_key":"foreign/secret"}`
	for _, x := range []struct {
		name  string
		adopt bool
		start func(*testing.T, *cloud)
		ours  bool
		steps int
	}{
		{"creating", false, func(*testing.T, *cloud) {}, true, 4},
		{"first filling", false, func(t *testing.T, c *cloud) { c.empty(t) }, true, 3},
		{"replacing ours", false, func(t *testing.T, c *cloud) {
			c.empty(t)
			put(t, open(t, options(t, c.client)), older)
		}, true, 3},
		{"adopting", true, func(t *testing.T, c *cloud) { c.seed(t, theirs) }, false, 4},
	} {
		for step := range 2*x.steps + 1 {
			c := newCloud(t)
			x.start(t, c)
			was, at := c.value(t, ""), 0
			die := func(string) error {
				if at++; at > step {
					return errCrash
				}
				return nil
			}
			o := options(t, hooked{c.client, die, die})
			o.Adopt, o.Create = x.adopt, true
			_, err := open(t, o).Put(t.Context(), newer)
			if crashed := step < 2*x.steps; crashed != (err != nil) {
				t.Fatalf("%s, %d: put: %v", x.name, step, err)
			}
			now := c.value(t, "")
			renewed := strings.Contains(now, newer.KeyID())
			if !renewed && now != was {
				t.Fatalf("%s, %d: the secret holds %s", x.name, step, now)
			}
			// A fresh process without adopt follows.
			o = options(t, c.client)
			o.Create = true
			s := open(t, o)
			held, err := s.Get(t.Context())
			if now != "" && (err != nil || (held.Owner == owner) != (x.ours || renewed)) {
				t.Errorf("%s, %d: get: %+v, %v", x.name, step, held, err)
			}
			_, err = s.Put(t.Context(), newest)
			if x.ours || renewed {
				if err != nil {
					t.Errorf("%s, %d: put over ours: %v", x.name, step, err)
				}
			} else if !errors.Is(err, store.ErrForeign) || c.value(t, "") != theirs {
				t.Errorf("%s, %d: put over theirs: %v, want ErrForeign", x.name, step, err)
			}
		}
	}
}

func TestOtherFieldsMayBeEditedWithoutLosingThePlace(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	put(t, open(t, options(t, c.client)), older)
	for _, note := range []string{"one", "two", "three"} {
		c.seed(t, `{"access_key_id":"AKIAOLDER","secret_access_key":"older/secret","note":"`+note+`"}`)
	}
	put(t, open(t, options(t, c.client)), newer)
	if got := c.value(t, ""); !strings.Contains(got, `"note":"three"`) || !strings.Contains(got, newer.KeyID()) {
		t.Errorf("the secret holds %s", got)
	}
	c.seed(t, `{"access_key_id":"AKIAFOREIGN","secret_access_key":"x"}`)
	if _, err := open(t, options(t, c.client)).Put(t.Context(), newest); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put over another key: %v, want ErrForeign", err)
	}
}

func TestAForeignSecretThatIsEditedStaysForeign(t *testing.T) {
	c := newCloud(t)
	for _, note := range []string{"one", "two", "three"} {
		c.seed(t, `{"access_key_id":"AKIAFOREIGN","secret_access_key":"foreign/secret","note":"`+note+`"}`)
	}
	if _, err := open(t, options(t, c.client)).Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put: %v, want ErrForeign", err)
	}
}

// described answers DescribeSecret with what a test wants changed.
type described struct {
	secretsmanager.API
	change func(*sdk.DescribeSecretOutput)
}

func (d described) DescribeSecret(ctx context.Context, in *sdk.DescribeSecretInput, _ ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error) {
	out, err := d.API.DescribeSecret(ctx, in)
	if err == nil {
		d.change(out)
	}
	return out, err
}

func TestASecretThatSomebodyElseManagesIsLeftAlone(t *testing.T) {
	for _, x := range []struct {
		name    string
		change  func(*sdk.DescribeSecretOutput)
		foreign bool
		says    string
	}{
		{"AWS rotates it", func(d *sdk.DescribeSecretOutput) { d.RotationEnabled = aws.Bool(true) }, true, "turn it off"},
		{"a rotation is under way", func(d *sdk.DescribeSecretOutput) { d.VersionIdsToStages["x"] = []string{"AWSPENDING"} }, true, "finish or cancel"},
		{"a service owns it", func(d *sdk.DescribeSecretOutput) { d.OwningService = aws.String("rds") }, true, "rds"},
		{"an older version is another user's", func(d *sdk.DescribeSecretOutput) { d.VersionIdsToStages["x"] = []string{"keyrotator:prod/else"} }, true, "prod/else"},
		{"it is scheduled for deletion", func(d *sdk.DescribeSecretOutput) { d.DeletedDate = aws.Time(time.Unix(0, 0)) }, false, "restore it"},
		{"it is a replica", func(d *sdk.DescribeSecretOutput) { d.PrimaryRegion = aws.String("us-east-1") }, false, "us-east-1"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCloud(t)
			const theirs = `{"access_key_id":"AKIAFOREIGN","secret_access_key":"foreign/secret"}`
			c.seed(t, theirs)
			o := options(t, described{c.client, x.change})
			o.Adopt = true
			s := open(t, o)
			for doing, do := range map[string]func() error{
				"check": func() error { return s.Check(t.Context()) },
				"put":   func() error { _, err := s.Put(t.Context(), newer); return err },
			} {
				err := do()
				if err == nil || errors.Is(err, store.ErrForeign) != x.foreign || !strings.Contains(err.Error(), x.says) {
					t.Errorf("%s: %v", doing, err)
				}
			}
			if got := c.value(t, ""); got != theirs {
				t.Errorf("the secret holds %s", got)
			}
		})
	}
}

func TestOurOwnLeftoverIsNoForeignRotation(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	put(t, open(t, options(t, c.client)), older)
	crash := options(t, hooked{API: c.client, before: func(operation string) error {
		if operation == "UpdateSecretVersionStage" {
			return errCrash
		}
		return nil
	}})
	if _, err := open(t, crash).Put(t.Context(), newer); err == nil {
		t.Fatal("the put did not crash")
	}
	s := open(t, options(t, c.client))
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	put(t, s, newest)
	if stages := c.stages(t); stages["AWSPENDING"] != stages["AWSCURRENT"] {
		t.Error("AWSPENDING is left on another version")
	}
}
