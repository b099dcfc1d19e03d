package secretsmanager_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/secretsmanager"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	name    = "prod/ci-deployer"
	owner   = "prod/ci-deployer"
)

var (
	older  = store.NewCredential("AKIAOLDER", "older/secret")
	newer  = store.NewCredential("AKIANEWER", "newer/secret")
	newest = store.NewCredential("AKIANEWEST", "newest/secret")
)

// cloud is an emulated account and a client that reaches nothing else.
type cloud struct {
	server *awsemu.Server
	client *sdk.Client
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	server := awsemu.New(awsemu.Options{})
	if err := server.CreateAccount(account); err != nil {
		t.Fatal(err)
	}
	id, secret, err := server.Admin(account)
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{server, newClient(server, id, secret, aws.NopRetryer{})}
}

func newClient(server *awsemu.Server, id, secret string, retryer aws.Retryer) *sdk.Client {
	return sdk.NewFromConfig(aws.Config{
		Region:       region,
		BaseEndpoint: aws.String("http://secretsmanager.invalid"),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:   &http.Client{Transport: server.Transport()},
		Retryer:      func() aws.Retryer { return retryer },
	})
}

// empty makes the secret without a value.
func (c *cloud) empty(t *testing.T) {
	t.Helper()
	if _, err := c.client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
}

// seed writes a value as a person in the console would.
func (c *cloud) seed(t *testing.T, value string) {
	t.Helper()
	if _, err := c.server.PutSecret(account, region, name, value); err != nil {
		t.Fatal(err)
	}
}

// stages tells which version id has which label, AWS's and ours.
func (c *cloud) stages(t *testing.T) map[string]string {
	t.Helper()
	out, err := c.client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	holder := map[string]string{}
	for id, stages := range out.VersionIdsToStages {
		for _, stage := range stages {
			holder[stage] = id
		}
	}
	return holder
}

// value returns what a label shows, empty for nothing.
func (c *cloud) value(t *testing.T, label string) string {
	t.Helper()
	value, _, err := c.server.Secret(account, region, name, label)
	if err != nil && !errors.Is(err, awsemu.ErrUnknown) {
		t.Fatal(err)
	}
	return value
}

// calls returns the operations called since it was called last.
func (c *cloud) calls() []string {
	var operations []string
	for _, call := range c.server.Calls() {
		operations = append(operations, call.Operation)
	}
	c.server.ResetCalls()
	return operations
}

// hooked is a client that tells a test of each call, before and after it. What
// the hooks return is what the caller gets instead.
type hooked struct {
	secretsmanager.API
	before, after func(operation string) error
}

func hook[In, Out any](ctx context.Context, h hooked, operation string, call func(context.Context, *In, ...func(*sdk.Options)) (*Out, error), in *In) (*Out, error) {
	if h.before != nil {
		if err := h.before(operation); err != nil {
			return nil, err
		}
	}
	out, err := call(ctx, in)
	if h.after != nil {
		if lost := h.after(operation); lost != nil {
			return nil, lost
		}
	}
	return out, err
}

func (h hooked) GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput, _ ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error) {
	return hook(ctx, h, "GetSecretValue", h.API.GetSecretValue, in)
}

func (h hooked) PutSecretValue(ctx context.Context, in *sdk.PutSecretValueInput, _ ...func(*sdk.Options)) (*sdk.PutSecretValueOutput, error) {
	return hook(ctx, h, "PutSecretValue", h.API.PutSecretValue, in)
}

func (h hooked) UpdateSecretVersionStage(ctx context.Context, in *sdk.UpdateSecretVersionStageInput, _ ...func(*sdk.Options)) (*sdk.UpdateSecretVersionStageOutput, error) {
	return hook(ctx, h, "UpdateSecretVersionStage", h.API.UpdateSecretVersionStage, in)
}

func (h hooked) DescribeSecret(ctx context.Context, in *sdk.DescribeSecretInput, _ ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error) {
	return hook(ctx, h, "DescribeSecret", h.API.DescribeSecret, in)
}

func (h hooked) CreateSecret(ctx context.Context, in *sdk.CreateSecretInput, _ ...func(*sdk.Options)) (*sdk.CreateSecretOutput, error) {
	return hook(ctx, h, "CreateSecret", h.API.CreateSecret, in)
}

func options(t *testing.T, api secretsmanager.API) secretsmanager.Options {
	t.Helper()
	payload, err := store.JSON(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	return secretsmanager.Options{Client: api, Region: region, SecretID: name, Payload: payload, Owner: owner}
}

func open(t *testing.T, o secretsmanager.Options) secretsmanager.Readable {
	t.Helper()
	s, err := secretsmanager.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s.(secretsmanager.Readable)
}

func put(t *testing.T, s store.Store, c store.Credential) store.Receipt {
	t.Helper()
	receipt, err := s.Put(t.Context(), c)
	if err != nil {
		t.Fatalf("put %v: %v", c, err)
	}
	return receipt
}
