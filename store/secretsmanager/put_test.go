package secretsmanager_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/store"
)

func TestPlacingASecretTakesFourCalls(t *testing.T) {
	const get, stage, move, look = "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DescribeSecret"
	c := newCloud(t)
	c.empty(t)
	o := options(t, c.client)
	put(t, open(t, o), older)
	cycle := func(t *testing.T, adopt bool, want ...string) {
		t.Helper()
		o.Adopt = adopt
		s := open(t, o)
		if adopt {
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.calls()
		_, before := s.Get(t.Context())
		put(t, s, newer)
		held, after := s.Get(t.Context())
		if err := errors.Join(before, after); err != nil || !held.Credential.Equal(newer) || held.Owner != owner {
			t.Fatalf("get: %+v, %v", held, err)
		}
		if got := c.calls(); !slices.Equal(got, want) {
			t.Errorf("calls = %q, want %q", got, want)
		}
	}
	t.Run("for a secret of ours, by a fresh process", func(t *testing.T) { cycle(t, false, get, stage, move, get) })
	c.seed(t, `{"access_key_id":"AKIAFOREIGN","secret_access_key":"x"}`)
	t.Run("for a secret to adopt that was checked", func(t *testing.T) { cycle(t, true, get, stage, move, get) })
	t.Run("also for a second put, which does not rely on what was read before the first", func(t *testing.T) {
		s := open(t, o)
		if _, err := s.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		put(t, s, older)
		c.calls()
		put(t, s, newest)
		if got, want := c.calls(), []string{get, stage, move}; !slices.Equal(got, want) {
			t.Errorf("calls = %q, want %q", got, want)
		}
	})
	t.Run("where nothing is to be written", func(t *testing.T) {
		put(t, open(t, o), newer)
		cycle(t, false, get, get, get)
	})
}

func TestLabelsAreLeftAsAWSsOwnRotationLeavesThem(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	s := open(t, options(t, c.client))
	first := put(t, s, older)
	second := put(t, s, newer)
	third := put(t, s, newest)
	stages := c.stages(t)
	for label, want := range map[string]string{
		"AWSCURRENT": third.Version, "AWSPENDING": third.Version, "AWSPREVIOUS": second.Version, "keyrotator:" + owner: third.Version,
	} {
		if stages[label] != want {
			t.Errorf("%s is on %s, want %s", label, stages[label], want)
		}
	}
	if first.Version == second.Version || second.Version == third.Version {
		t.Error("versions do not differ")
	}
	if again := put(t, s, newest); again.Version != third.Version || again.Changed {
		t.Errorf("the same put again: %+v", again)
	}
	if back := put(t, s, older); back.Version == first.Version || !back.Changed {
		t.Errorf("going back: %+v", back)
	}
}

// during runs something right before one call of an operation.
func during(operation string, times int, do func()) func(string) error {
	return func(called string) error {
		if called == operation && times != 0 {
			times--
			do()
		}
		return nil
	}
}

func TestAWriteInBetweenIsMergedNotLost(t *testing.T) {
	const edited = `{"access_key_id":"AKIAOLDER","secret_access_key":"older/secret","note":"mine"}`
	for _, operation := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		t.Run("before "+operation, func(t *testing.T) {
			c := newCloud(t)
			c.empty(t)
			put(t, open(t, options(t, c.client)), older)
			s := open(t, options(t, hooked{API: c.client, before: during(operation, 1, func() { c.seed(t, edited) })}))
			put(t, s, newer)
			if got := c.value(t, ""); !strings.Contains(got, `"note":"mine"`) || !strings.Contains(got, newer.KeyID()) {
				t.Errorf("the secret holds %s", got)
			}
			if stages := c.stages(t); stages["AWSPENDING"] != stages["AWSCURRENT"] {
				t.Error("AWSPENDING is left on another version")
			}
		})
	}
}

func TestAForeignWriteInBetweenIsLeftAlone(t *testing.T) {
	const theirs = `{"access_key_id":"AKIAFOREIGN","secret_access_key":"foreign/secret"}`
	for _, filled := range []bool{false, true} {
		c := newCloud(t)
		c.empty(t)
		if filled {
			put(t, open(t, options(t, c.client)), older)
		}
		s := open(t, options(t, hooked{API: c.client, before: during("PutSecretValue", 1, func() { c.seed(t, theirs) })}))
		if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
			t.Errorf("put: %v, want ErrForeign", err)
		}
		if got := c.value(t, ""); got != theirs {
			t.Errorf("the secret holds %s", got)
		}
		if pending := c.value(t, "AWSPENDING"); strings.Contains(pending, newer.KeyID()) {
			t.Error("AWSPENDING is left on the version that was not promoted")
		}
	}
}

func TestABusyWriterEndsInAConflict(t *testing.T) {
	c := newCloud(t)
	o := options(t, hooked{API: c.client, before: during("UpdateSecretVersionStage", -1, func() { c.seed(t, "{}") })})
	o.Adopt = true
	c.seed(t, "{}")
	if _, err := open(t, o).Put(t.Context(), newer); !errors.Is(err, store.ErrConflict) || strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("put: %v, want one ErrConflict", err)
	}
	if got := c.value(t, ""); got != "{}" {
		t.Errorf("the secret holds %s", got)
	}
}

func TestReplicasThatWriteAtOnceNeverLoseTheMark(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	put(t, open(t, options(t, c.client)), older)
	var theirs error
	other := open(t, options(t, c.client))
	// The other replica stages and promotes between our staging and our move,
	// so that our label is taken from its version before ours gives up.
	mine := open(t, options(t, hooked{API: c.client, before: during("UpdateSecretVersionStage", 1, func() {
		_, theirs = other.Put(t.Context(), newest)
	})}))
	put(t, mine, newer)
	if theirs != nil {
		t.Fatal(theirs)
	}
	if held, err := mine.Get(t.Context()); err != nil || !held.Credential.Equal(newer) || held.Owner != owner {
		t.Errorf("get: %+v, %v", held, err)
	}
	if previous, err := mine.Previous(t.Context()); err != nil || !previous.Equal(newest) {
		t.Errorf("previous: %v, %v", previous, err)
	}
}

func TestMemoryNeverHidesADrift(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	s := open(t, options(t, c.client))
	put(t, s, newer)
	if _, err := s.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, options(t, c.client)), older) // somebody puts the old key back
	if receipt := put(t, s, newer); !receipt.Changed {
		t.Error("put claims that nothing was to be done")
	}
	if got := c.value(t, ""); !strings.Contains(got, newer.KeyID()) {
		t.Errorf("the secret holds %s", got)
	}
}

func TestABinarySecretStaysBinary(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	if _, err := c.client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String(name), SecretBinary: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	o := options(t, c.client)
	o.Adopt = true
	put(t, open(t, o), newer)
	out, err := c.client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String(name)})
	if err != nil || out.SecretString != nil || !strings.HasPrefix(string(out.SecretBinary), `{"a":1,"access_key_id":"AKIANEWER"`) {
		t.Errorf("the secret holds %q, %v", out.SecretBinary, err)
	}
	if _, err := c.client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String(name), SecretBinary: []byte{1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, o).Put(t.Context(), newer); !errors.Is(err, store.ErrShape) {
		t.Errorf("put into bytes that are no JSON: %v, want ErrShape", err)
	}
}

func TestAValueBeyondAWSsLimitIsNotSent(t *testing.T) {
	c := newCloud(t)
	c.seed(t, `{"a":"`+strings.Repeat("x", 65_500)+`"}`)
	o := options(t, c.client)
	o.Adopt = true
	c.calls()
	if _, err := open(t, o).Put(t.Context(), newer); !errors.Is(err, store.ErrShape) {
		t.Errorf("put: %v, want ErrShape", err)
	}
	if slices.Contains(c.calls(), "PutSecretValue") {
		t.Error("it was sent")
	}
}
