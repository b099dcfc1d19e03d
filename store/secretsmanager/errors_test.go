package secretsmanager_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/secretsmanager"
)

func TestErrorsOfAWSBecomeOurs(t *testing.T) {
	for _, x := range []struct {
		name      string
		kind      awsemu.Kind
		operation string
		want      error
	}{
		{"throttled reading", awsemu.Throttle, "GetSecretValue", store.ErrThrottled},
		{"throttled staging", awsemu.Throttle, "PutSecretValue", store.ErrThrottled},
		{"throttled promoting", awsemu.Throttle, "UpdateSecretVersionStage", store.ErrThrottled},
		{"reading not allowed", awsemu.Refuse, "GetSecretValue", store.ErrDenied},
		{"staging not allowed", awsemu.Refuse, "PutSecretValue", store.ErrDenied},
		{"promoting not allowed", awsemu.Refuse, "UpdateSecretVersionStage", store.ErrDenied},
		{"a server error while staging", awsemu.ServerError, "PutSecretValue", store.ErrAmbiguous},
		{"a server error after promoting", awsemu.ServerErrorAfter, "UpdateSecretVersionStage", store.ErrAmbiguous},
		{"a lost answer to staging", awsemu.LoseAnswer, "PutSecretValue", store.ErrAmbiguous},
		{"a lost answer to promoting", awsemu.LoseAnswer, "UpdateSecretVersionStage", store.ErrAmbiguous},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCloud(t)
			c.empty(t)
			put(t, open(t, options(t, c.client)), older)
			c.server.Inject(awsemu.Fault{Kind: x.kind, Service: "secretsmanager", Operation: x.operation, Count: 1})
			s := open(t, options(t, c.client))
			_, err := s.Put(t.Context(), newer)
			if !errors.Is(err, x.want) {
				t.Fatalf("put: %v, want %v", err, x.want)
			}
			for _, sentinel := range []error{store.ErrThrottled, store.ErrDenied, store.ErrAmbiguous, store.ErrConflict, store.ErrForeign} {
				if sentinel != x.want && errors.Is(err, sentinel) {
					t.Errorf("put: %v is also %v", err, sentinel)
				}
			}
			if x.want != store.ErrAmbiguous && strings.Contains(c.value(t, ""), newer.KeyID()) {
				t.Error("the secret was changed")
			}
			put(t, s, newer)
		})
	}
}

func TestTheSDKsRetriesAreHarmless(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	id, secret, err := c.server.Admin(account)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(c.server, id, secret, retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 1 }))
	put(t, open(t, options(t, client)), older)
	for _, operation := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		for _, kind := range []awsemu.Kind{awsemu.LoseAnswer, awsemu.ServerErrorAfter, awsemu.DropBefore} {
			c.server.Inject(awsemu.Fault{Kind: kind, Service: "secretsmanager", Operation: operation, Count: 2})
			s := open(t, options(t, client))
			put(t, s, newer)
			put(t, s, older)
		}
	}
}

func TestASecretThatIsMissingOrGoneSaysSo(t *testing.T) {
	c := newCloud(t)
	s := open(t, options(t, c.client))
	_, err := s.Put(t.Context(), newer)
	for _, err := range []error{err, s.Check(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("a missing secret: %v", err)
		}
	}
	c.seed(t, "{}")
	if _, err := c.client.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	o := options(t, c.client)
	o.Create, o.Adopt = true, true
	s = open(t, o)
	_, put := s.Put(t.Context(), newer)
	_, get := s.Get(t.Context())
	for _, err := range []error{put, get, s.Check(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "scheduled for deletion") {
			t.Errorf("a deleted secret: %v", err)
		}
	}
}

func TestASecretIsCreatedAsConfigured(t *testing.T) {
	c := newCloud(t)
	o := options(t, c.client)
	o.Create, o.KMSKeyID, o.Tags = true, "alias/mine", map[string]string{"team": "platform"}
	put(t, open(t, o), newer)
	out, err := c.client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String(name)})
	if err != nil || aws.ToString(out.KmsKeyId) != "alias/mine" || len(out.Tags) != 1 || aws.ToString(out.Tags[0].Value) != "platform" {
		t.Errorf("the secret is %+v, %v", out, err)
	}
}

func TestAMessageOfAWSDoesNotCarryASecret(t *testing.T) {
	c := newCloud(t)
	c.empty(t)
	s := open(t, options(t, hooked{API: c.client, before: func(operation string) error {
		if operation == "PutSecretValue" {
			return &smithy.GenericAPIError{Code: "ValidationException", Message: "value newer/secret is not valid"}
		}
		return nil
	}}))
	if _, err := s.Put(t.Context(), newer); err == nil || strings.Contains(err.Error(), "newer/secret") || !strings.Contains(err.Error(), "ValidationException") {
		t.Errorf("put: %v", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, change := range map[string]func(*secretsmanager.Options){
		"no client":            func(o *secretsmanager.Options) { o.Client = nil },
		"no secret":            func(o *secretsmanager.Options) { o.SecretID = "" },
		"no Region":            func(o *secretsmanager.Options) { o.Region = "" },
		"no owner":             func(o *secretsmanager.Options) { o.Owner = "" },
		"no payload":           func(o *secretsmanager.Options) { o.Payload = nil },
		"an ARN to be created": func(o *secretsmanager.Options) { o.Create, o.SecretID = true, "arn:aws:secretsmanager:x" },
		"an endless owner":     func(o *secretsmanager.Options) { o.Owner = strings.Repeat("x", 300) },
	} {
		o := options(t, newCloud(t).client)
		change(&o)
		if _, err := secretsmanager.New(o); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}
