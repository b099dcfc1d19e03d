package sts

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
)

const accountID = "111122223333"

// cloud is an embedded AWS, which checks signatures, with two users.
func cloud(t *testing.T) (*awsemu.Server, store.Credential, store.Credential) {
	t.Helper()
	server := awsemu.New(awsemu.Options{})
	if err := server.CreateAccount(accountID); err != nil {
		t.Fatal(err)
	}
	key := func(user string) store.Credential {
		_, err1 := server.CreateUser(accountID, user)
		id, secret, err2 := server.CreateAccessKey(accountID, user)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return store.NewCredential(id, secret)
	}
	return server, key("alice"), key("mallory")
}

// open makes a probe of alice that signs, wrongly, with nobody's credentials
// unless it is given others.
func open(t *testing.T, server *awsemu.Server, account string) *Probe {
	t.Helper()
	o := Options{Account: account, User: "alice"}
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		o.Regions = append(o.Regions, aws.Config{
			Region: region, HTTPClient: &http.Client{Transport: server.Transport()}, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKIANOBODY", "nobody", ""),
		})
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSigningInWorksInEveryRegion(t *testing.T) {
	server, alice, _ := cloud(t)
	if err := open(t, server, accountID).Probe(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	var regions []string
	for _, call := range server.Calls() {
		regions = append(regions, call.Operation+" in "+call.Region)
	}
	if got := strings.Join(regions, ", "); got != "GetCallerIdentity in eu-west-1, GetCallerIdentity in us-east-1" {
		t.Errorf("calls: %s", got)
	}
	if got := open(t, server, "").Describe(); got != "sts:eu-west-1,us-east-1" {
		t.Errorf("it is described as %s", got)
	}
}

func TestOnlyTheUserItselfMaySignIn(t *testing.T) {
	server, alice, mallory := cloud(t)
	for name, x := range map[string]struct {
		account    string
		credential store.Credential
		says       string
	}{
		"another user":      {accountID, mallory, "user/mallory"},
		"another account":   {"444455556666", alice, "444455556666"},
		"an unknown key":    {accountID, store.NewCredential("AKIAUNKNOWN", "canary-secret"), "refused: InvalidClientTokenId"},
		"another secret":    {accountID, store.NewCredential(alice.KeyID(), "canary-secret"), "refused: SignatureDoesNotMatch"},
		"no credential":     {accountID, store.Credential{}, "incomplete"},
		"half a credential": {accountID, store.NewCredential(alice.KeyID(), ""), "incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			err := open(t, server, x.account).Probe(t.Context(), x.credential)
			if err == nil || !strings.Contains(err.Error(), x.says) || strings.Contains(err.Error(), "canary") ||
				strings.HasPrefix(x.says, "refused") && !strings.HasSuffix(err.Error(), x.says) { // a message about signatures would quote what was signed
				t.Errorf("probe: %v, want %q", err, x.says)
			}
		})
	}
}

func TestAnotherSecretOfAKeyIsNotTakenForTheFirst(t *testing.T) {
	server, alice, _ := cloud(t)
	p := open(t, server, accountID)
	if err := p.Probe(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if err := p.Probe(t.Context(), store.NewCredential(alice.KeyID(), "another")); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("probe: %v", err)
	}
}

func TestWhatStandsInTheWayIsTold(t *testing.T) {
	server, alice, _ := cloud(t)
	server.Inject(awsemu.Fault{Kind: awsemu.Throttle, Service: "sts", Count: 1})
	p := open(t, server, accountID)
	if err := p.Probe(t.Context(), alice); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("throttled: %v", err)
	}
	server.Inject(awsemu.Fault{Kind: awsemu.LoseAnswer, Service: "sts", Count: 1})
	if err := p.Probe(t.Context(), alice); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a lost answer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Probe(ctx, alice); !errors.Is(err, context.Canceled) {
		t.Errorf("under a cancelled context: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("options that lack everything are accepted")
	}
}
