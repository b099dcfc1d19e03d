package account_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/account"
)

func TestEndpointOfTheConfigurationOutranksTheEnvironment(t *testing.T) {
	cases := map[string]struct {
		env                map[string]string
		endpoint           string
		iam, sts, secretsM string
	}{
		"nothing set means AWS": {
			iam: "https://iam.amazonaws.com", sts: "https://sts.eu-west-1.amazonaws.com",
			secretsM: "https://secretsmanager.ap-south-1.amazonaws.com",
		},
		"one variable for all": {
			env: map[string]string{"AWS_ENDPOINT_URL": "http://all.test"},
			iam: "http://all.test", sts: "http://all.test", secretsM: "http://all.test",
		},
		"a variable each": {
			env: map[string]string{
				"AWS_ENDPOINT_URL": "http://all.test", "AWS_ENDPOINT_URL_IAM": "http://iam.test",
				"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://secrets.test",
			},
			iam: "http://iam.test", sts: "http://all.test", secretsM: "http://secrets.test",
		},
		"the configuration over all variables": {
			env: map[string]string{
				"AWS_ENDPOINT_URL": "http://all.test", "AWS_ENDPOINT_URL_IAM": "http://iam.test",
				"AWS_ENDPOINT_URL_STS": "http://sts.test", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://secrets.test",
			},
			endpoint: "http://mine.test",
			iam:      "http://mine.test", sts: "http://mine.test", secretsM: "http://mine.test",
		},
		"the configuration, whatever the environment ignores": {
			env:      map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
			endpoint: "http://mine.test",
			iam:      "http://mine.test", sts: "http://mine.test", secretsM: "http://mine.test",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			w := &wire{answer: func(*http.Request, string) (*http.Response, error) {
				return failed(http.StatusForbidden, "AccessDenied"), nil
			}}
			o := options(w)
			o.Endpoint = c.endpoint
			a := open(t, o)
			_, _ = iam.NewFromConfig(a.Config("")).ListUsers(t.Context(), nil)
			_, _ = sts.NewFromConfig(a.Config("")).GetCallerIdentity(t.Context(), nil)
			_, _ = secretsmanager.NewFromConfig(a.Config("ap-south-1")).ListSecrets(t.Context(), nil)
			got := w.requests()
			if len(got) != 3 {
				t.Fatalf("%d calls, want 3", len(got))
			}
			for i, want := range []string{c.iam, c.sts, c.secretsM} {
				if got[i].host != want {
					t.Errorf("call %d went to %s, want %s", i, got[i].host, want)
				}
			}
			if scope := "/ap-south-1/secretsmanager/aws4_request"; !strings.Contains(got[2].authorization, scope) {
				t.Errorf("the store's call is not signed for its Region")
			}
		})
	}
}

func TestVerifyIdentityComparesAccountAndPartition(t *testing.T) {
	cases := map[string]struct {
		arn, partition string
		wrong          bool
	}{
		"the configured account":            {arn: "arn:aws:sts::111122223333:assumed-role/keyrotator/x"},
		"another account":                   {arn: "arn:aws:iam::999999999999:user/daemon", wrong: true},
		"the account's number in China":     {arn: "arn:aws-cn:iam::111122223333:user/daemon", partition: "aws", wrong: true},
		"any partition when none is chosen": {arn: "arn:aws-cn:iam::111122223333:user/daemon"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			w := &wire{answer: func(*http.Request, string) (*http.Response, error) { return ok(identityOf(c.arn)), nil }}
			o := options(w)
			o.Partition = c.partition
			who, err := open(t, o).VerifyIdentity(t.Context())
			if errors.Is(err, account.ErrWrongAccount) != c.wrong || (err != nil) != c.wrong {
				t.Errorf("error %v, want a wrong account: %t", err, c.wrong)
			}
			if who.ARN != c.arn {
				t.Errorf("identity %q, want %q", who.ARN, c.arn)
			}
		})
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	cases := map[string]struct {
		change func(*account.Options)
		want   string
	}{
		"no name":                       {func(o *account.Options) { o.Name = "" }, "no name"},
		"an id of the wrong length":     {func(o *account.Options) { o.ID = "123" }, "twelve digits"},
		"an unknown partition":          {func(o *account.Options) { o.Partition = "moon" }, "unknown partition"},
		"an endpoint without a scheme":  {func(o *account.Options) { o.Endpoint = "localhost:4566" }, "not an http or https URL"},
		"a role that is no ARN":         {func(o *account.Options) { o.Role = "keyrotator" }, "not the ARN"},
		"a role of another account":     {func(o *account.Options) { o.Role = "arn:aws:iam::999999999999:role/x" }, "does not belong"},
		"a role of another partition":   {func(o *account.Options) { o.Role, o.Partition = prodRole, "aws-cn" }, "not in partition"},
		"an external id without a role": {func(o *account.Options) { o.ExternalID = "canary-external-id" }, "needs a role"},
		"no Region anywhere":            {func(o *account.Options) { o.Region = "" }, "no Region"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			o := options(&wire{})
			c.change(&o)
			_, err := account.New(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Error("the error quotes the external id")
			}
		})
	}
}

func TestPartitionGivesARegion(t *testing.T) {
	isolate(t)
	o := options(&wire{})
	o.Region, o.Partition = "", "aws-us-gov"
	a := open(t, o)
	if got := a.Region(); got != "us-gov-west-1" {
		t.Errorf("Region %q, want the partition's home", got)
	}
	if a.Name() != "prod" {
		t.Errorf("name %q", a.Name())
	}
}
