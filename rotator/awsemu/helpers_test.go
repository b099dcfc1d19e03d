package awsemu_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const (
	prod   = "111122223333"
	other  = "444455556666"
	region = "eu-west-1"
)

// cloud is an emulator with one account, its administrator and clients for them.
type cloud struct {
	t      *testing.T
	server *awsemu.Server
	admin  aws.Config
}

func newCloud(t *testing.T, opt awsemu.Options) *cloud {
	t.Helper()
	c := &cloud{t: t, server: awsemu.New(opt)}
	must(t, c.server.CreateAccount(prod))
	id, secret, err := c.server.Admin(prod)
	must(t, err)
	c.admin = c.config(id, secret, "")
	return c
}

// config signs with the given credential, in process, without retries.
func (c *cloud) config(id, secret, token string) aws.Config {
	return aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
		HTTPClient:  &http.Client{Transport: c.server.Transport()},
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (c *cloud) iam() *iam.Client                { return iam.NewFromConfig(c.admin) }
func (c *cloud) secrets() *secretsmanager.Client { return secretsmanager.NewFromConfig(c.admin) }

// user makes a user with one settled key.
func (c *cloud) user(name string) (id, secret string) {
	c.t.Helper()
	_, err := c.server.CreateUser(prod, name)
	must(c.t, err)
	id, secret, err = c.server.CreateAccessKey(prod, name)
	must(c.t, err)
	return id, secret
}

// signIn is the code of a GetCallerIdentity, "" when it is accepted.
func (c *cloud) signIn(id, secret, token string) string {
	c.t.Helper()
	_, err := sts.NewFromConfig(c.config(id, secret, token)).GetCallerIdentity(c.t.Context(), &sts.GetCallerIdentityInput{})
	return code(err)
}

// create makes a key over the wire.
func (c *cloud) create(name string) (id, secret string) {
	c.t.Helper()
	out, err := c.iam().CreateAccessKey(c.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	must(c.t, err)
	return *out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey
}

// setStatus changes a key over the wire.
func (c *cloud) setStatus(name, id string, status awsemu.Status) {
	c.t.Helper()
	_, err := c.iam().UpdateAccessKey(c.t.Context(), &iam.UpdateAccessKeyInput{UserName: &name, AccessKeyId: &id, Status: statusType(status)})
	must(c.t, err)
}

// listed are the ids that ListAccessKeys shows.
func (c *cloud) listed(name string) []string {
	c.t.Helper()
	out, err := c.iam().ListAccessKeys(c.t.Context(), &iam.ListAccessKeysInput{UserName: &name})
	must(c.t, err)
	var ids []string
	for _, k := range out.AccessKeyMetadata {
		ids = append(ids, *k.AccessKeyId)
	}
	return ids
}

// code is the AWS error code of err, "" for nil, the text of any other error.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return err.Error()
}

// status is the HTTP status that came with err, zero without one.
func status(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("error code %q, want %q (%v)", got, want, err)
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// header is the header of the HTTP answer behind an SDK output.
func header(m middleware.Metadata) http.Header {
	raw, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response)
	if !ok {
		return nil
	}
	return raw.Header
}
