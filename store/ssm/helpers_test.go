package ssm_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/ssm"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	owner   = "prod/ci-deployer"
	single  = "/prod/ci-deployer/key"
	secrets = "CI_SECRET"
	ids     = "CI_KEY_ID"
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
	return &cloud{server, newClient(t, server, aws.NopRetryer{})}
}

func newClient(t *testing.T, server *awsemu.Server, retryer aws.Retryer) *sdk.Client {
	t.Helper()
	id, secret, err := server.Admin(account)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewFromConfig(aws.Config{
		Region:       region,
		BaseEndpoint: aws.String("http://ssm.invalid"),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:   &http.Client{Transport: server.Transport()},
		Retryer:      func() aws.Retryer { return retryer },
	})
}

// seed writes a value as a person in the console would.
func (c *cloud) seed(t *testing.T, name, value string, change ...func(*sdk.PutParameterInput)) {
	t.Helper()
	in := &sdk.PutParameterInput{Name: &name, Value: &value, Overwrite: aws.Bool(true), Type: types.ParameterTypeSecureString}
	for _, f := range change {
		f(in)
	}
	if _, err := c.client.PutParameter(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// value returns what a parameter holds, empty for nothing.
func (c *cloud) value(t *testing.T, name string) string {
	t.Helper()
	versions := c.versions(t, name)
	if len(versions) == 0 {
		return ""
	}
	return aws.ToString(versions[len(versions)-1].Value)
}

// versions lists what the history has, the oldest first.
func (c *cloud) versions(t *testing.T, name string) []types.ParameterHistory {
	t.Helper()
	var all []types.ParameterHistory
	pages := sdk.NewGetParameterHistoryPaginator(c.client, &sdk.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			return nil
		}
		all = append(all, page.Parameters...)
	}
	return all
}

// last is the newest version of a parameter.
func (c *cloud) last(t *testing.T, name string) types.ParameterHistory {
	t.Helper()
	versions := c.versions(t, name)
	if len(versions) == 0 {
		t.Fatalf("%s does not exist", name)
	}
	return versions[len(versions)-1]
}

// hooked is a client that calls before ahead of each call.
type hooked struct {
	ssm.API
	before func(operation string) error
}

func (h hooked) GetParameter(ctx context.Context, in *sdk.GetParameterInput, _ ...func(*sdk.Options)) (*sdk.GetParameterOutput, error) {
	if err := h.before("GetParameter"); err != nil {
		return nil, err
	}
	return h.API.GetParameter(ctx, in)
}

func (h hooked) PutParameter(ctx context.Context, in *sdk.PutParameterInput, _ ...func(*sdk.Options)) (*sdk.PutParameterOutput, error) {
	if err := h.before("PutParameter"); err != nil {
		return nil, err
	}
	return h.API.PutParameter(ctx, in)
}

// during runs do ahead of the first n calls of an operation.
func during(operation string, n int, do func()) func(string) error {
	return func(called string) error {
		if called == operation && n > 0 {
			n--
			do()
		}
		return nil
	}
}

// document makes options of one parameter with a JSON document.
func document(t *testing.T, api ssm.API) ssm.Options {
	t.Helper()
	payload, err := store.JSON(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	return ssm.Options{Client: api, Region: region, Parameter: single, Payload: payload, Owner: owner, Create: true}
}

// pair makes options of two parameters.
func pair(t *testing.T, api ssm.API) ssm.Options {
	t.Helper()
	variables, err := store.NewVariables(store.Names{KeyID: ids, Secret: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return ssm.Options{Client: api, Region: region, Variables: variables, Owner: owner, Create: true}
}

func open(t *testing.T, o ssm.Options) ssm.Readable {
	t.Helper()
	s, err := ssm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s.(ssm.Readable)
}

func put(t *testing.T, s store.Store, c store.Credential) store.Receipt {
	t.Helper()
	receipt, err := s.Put(t.Context(), c)
	if err != nil {
		t.Fatalf("put %v: %v", c, err)
	}
	return receipt
}
