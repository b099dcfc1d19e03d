package ssm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/ssm"
)

func TestErrorsOfAWSBecomeOurs(t *testing.T) {
	for _, x := range []struct {
		name      string
		kind      awsemu.Kind
		operation string
		want      error
	}{
		{"throttled reading", awsemu.Throttle, "GetParameter", store.ErrThrottled},
		{"throttled reading of the history", awsemu.Throttle, "GetParameterHistory", store.ErrThrottled},
		{"throttled writing", awsemu.Throttle, "PutParameter", store.ErrThrottled},
		{"reading not allowed", awsemu.Refuse, "GetParameter", store.ErrDenied},
		{"reading the history not allowed", awsemu.Refuse, "GetParameterHistory", store.ErrDenied},
		{"writing not allowed", awsemu.Refuse, "PutParameter", store.ErrDenied},
		{"a server error while writing", awsemu.ServerError, "PutParameter", store.ErrAmbiguous},
		{"a server error after writing", awsemu.ServerErrorAfter, "PutParameter", store.ErrAmbiguous},
		{"a lost answer to writing", awsemu.LoseAnswer, "PutParameter", store.ErrAmbiguous},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCloud(t)
			put(t, open(t, document(t, c.client)), older)
			c.server.Inject(awsemu.Fault{Kind: x.kind, Service: "ssm", Operation: x.operation, Count: 1})
			s := open(t, document(t, c.client))
			_, err := s.Put(t.Context(), newer)
			if !errors.Is(err, x.want) {
				t.Fatalf("put: %v, want %v", err, x.want)
			}
			if x.want == store.ErrDenied && !strings.Contains(err.Error(), "allow ssm:"+x.operation) {
				t.Errorf("put: %v does not name the permission", err)
			}
			for _, sentinel := range []error{store.ErrThrottled, store.ErrDenied, store.ErrAmbiguous, store.ErrConflict, store.ErrForeign} {
				if sentinel != x.want && errors.Is(err, sentinel) {
					t.Errorf("put: %v is also %v", err, sentinel)
				}
			}
			if x.want != store.ErrAmbiguous && strings.Contains(c.value(t, single), newer.KeyID()) {
				t.Error("the parameter was changed")
			}
			put(t, s, newer)
		})
	}
}

func TestTheSDKsRetriesAreHarmless(t *testing.T) {
	c := newCloud(t)
	client := newClient(t, c.server, retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 1 }))
	for _, kind := range []awsemu.Kind{awsemu.LoseAnswer, awsemu.ServerErrorAfter, awsemu.DropBefore} {
		for _, o := range []ssm.Options{document(t, client), pair(t, client)} {
			for _, credential := range []store.Credential{older, newer} {
				c.server.Inject(awsemu.Fault{Kind: kind, Service: "ssm", Operation: "PutParameter", Count: 2})
				s := open(t, o)
				put(t, s, credential)
				if held, err := s.Get(t.Context()); err != nil || !held.Credential.Equal(credential) {
					t.Errorf("%s: get: %v, %v", kind, held.Credential, err)
				}
			}
		}
	}
}

func TestAMessageOfAWSDoesNotCarryASecret(t *testing.T) {
	c := newCloud(t)
	for code, want := range map[string]string{
		"ValidationException":               "as it was sent",
		"ParameterPatternMismatchException": "allowed pattern",
		"ParameterMaxVersionLimitExceeded":  "move the label",
		"ParameterLimitExceeded":            "no room",
		"InvalidKeyId":                      "KMS key",
		"SomethingNew":                      "SomethingNew",
	} {
		s := open(t, document(t, hooked{API: c.client, before: func(operation string) error {
			if operation == "PutParameter" {
				return &smithy.GenericAPIError{Code: code, Message: "value newer/secret is not valid", Fault: smithy.FaultClient}
			}
			return nil
		}}))
		_, err := s.Put(t.Context(), newer)
		if err == nil || strings.Contains(err.Error(), "newer/secret") || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: put: %v, want a sentence with %q", code, err, want)
		}
	}
}

func TestConcurrentUpdatesAreRetriedLater(t *testing.T) {
	c := newCloud(t)
	s := open(t, document(t, hooked{API: c.client, before: func(operation string) error {
		if operation == "PutParameter" {
			return &smithy.GenericAPIError{Code: "TooManyUpdates", Fault: smithy.FaultClient}
		}
		return nil
	}}))
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("put: %v, want ErrThrottled", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, change := range map[string]func(*ssm.Options){
		"no client":                  func(o *ssm.Options) { o.Client = nil },
		"no Region":                  func(o *ssm.Options) { o.Region = "" },
		"no owner":                   func(o *ssm.Options) { o.Owner = "" },
		"neither form":               func(o *ssm.Options) { o.Parameter, o.Payload = "", nil },
		"both forms":                 func(o *ssm.Options) { o.Variables = pair(t, o.Client).Variables },
		"a parameter of no shape":    func(o *ssm.Options) { o.Payload = nil },
		"half a form beside another": func(o *ssm.Options) { o.Payload, o.Variables = nil, pair(t, o.Client).Variables },
		"an endless owner":           func(o *ssm.Options) { o.Owner = strings.Repeat("x", 600) },
	} {
		o := document(t, newCloud(t).client)
		change(&o)
		if _, err := ssm.New(o); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}
