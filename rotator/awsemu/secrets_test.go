package awsemu_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const secretName = "prod/ci"

func token(n int) *string { return aws.String(fmt.Sprintf("token-%032d", n)) }

// vault is a cloud with one secret whose first version is token 1, value "v1".
type vault struct{ *cloud }

func newVault(t *testing.T) vault {
	t.Helper()
	v := vault{newCloud(t, awsemu.Options{})}
	_, err := v.secrets().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String(secretName), SecretString: aws.String("v1"), ClientRequestToken: token(1),
	})
	must(t, err)
	return v
}

func (v vault) put(n int, value string, labels ...string) error {
	_, err := v.secrets().PutSecretValue(v.t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(secretName), ClientRequestToken: token(n), SecretString: &value, VersionStages: labels,
	})
	return err
}

// move moves a label; zero leaves a version out.
func (v vault) move(label string, from, to int) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String(secretName), VersionStage: &label}
	if from != 0 {
		in.RemoveFromVersionId = token(from)
	}
	if to != 0 {
		in.MoveToVersionId = token(to)
	}
	_, err := v.secrets().UpdateSecretVersionStage(v.t.Context(), in)
	return err
}

// labels shows which version holds which label, as "AWSCURRENT=1 AWSPENDING=2".
func (v vault) labels() string {
	v.t.Helper()
	out, err := v.secrets().DescribeSecret(v.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(secretName)})
	must(v.t, err)
	at := map[string]string{}
	for id, labels := range out.VersionIdsToStages {
		for _, l := range labels {
			if at[l] != "" {
				v.t.Errorf("label %s sits on two versions", l)
			}
			at[l] = strings.TrimLeft(strings.TrimPrefix(id, "token-"), "0")
		}
	}
	var text []string
	for _, l := range slices.Sorted(maps.Keys(at)) {
		text = append(text, l+"="+at[l])
	}
	return strings.Join(text, " ")
}

func TestStagingLabels(t *testing.T) {
	type step struct {
		do   func(v vault) error
		code string
	}
	put := func(n int, labels ...string) step {
		return step{func(v vault) error { return v.put(n, fmt.Sprint("v", n), labels...) }, ""}
	}
	move := func(label string, from, to int) step {
		return step{func(v vault) error { return v.move(label, from, to) }, ""}
	}
	fails := func(s step, code string) step { s.code = code; return s }
	pending := "AWSPENDING"
	cases := map[string]struct {
		steps []step
		want  string
	}{
		"the first version is current":                       {nil, "AWSCURRENT=1"},
		"a put without stages moves current and previous":    {[]step{put(2)}, "AWSCURRENT=2 AWSPREVIOUS=1"},
		"previous follows every time":                        {[]step{put(2), put(3)}, "AWSCURRENT=3 AWSPREVIOUS=2"},
		"a staged put moves nothing else":                    {[]step{put(2, pending)}, "AWSCURRENT=1 AWSPENDING=2"},
		"a second staged put takes the label":                {[]step{put(2, pending), put(3, pending)}, "AWSCURRENT=1 AWSPENDING=3"},
		"promoting moves current and previous, not pending":  {[]step{put(2, pending), move("AWSCURRENT", 1, 2)}, "AWSCURRENT=2 AWSPENDING=2 AWSPREVIOUS=1"},
		"pending can be taken away":                          {[]step{put(2, pending), move(pending, 2, 0)}, "AWSCURRENT=1"},
		"rolling back swaps current and previous":            {[]step{put(2), move("AWSCURRENT", 2, 1)}, "AWSCURRENT=1 AWSPREVIOUS=2"},
		"promoting needs the present holder":                 {[]step{put(2, pending), fails(move("AWSCURRENT", 0, 2), "InvalidParameterException")}, "AWSCURRENT=1 AWSPENDING=2"},
		"promoting from the wrong holder fails":              {[]step{put(2), put(3, pending), fails(move("AWSCURRENT", 1, 3), "InvalidParameterException")}, "AWSCURRENT=2 AWSPENDING=3 AWSPREVIOUS=1"},
		"a repeated promotion fails as a compare-and-swap":   {[]step{put(2, pending), move("AWSCURRENT", 1, 2), fails(move("AWSCURRENT", 1, 2), "InvalidParameterException")}, "AWSCURRENT=2 AWSPENDING=2 AWSPREVIOUS=1"},
		"promoting to an unknown version fails":              {[]step{fails(move("AWSCURRENT", 1, 9), "ResourceNotFoundException")}, "AWSCURRENT=1"},
		"current cannot be taken away":                       {[]step{fails(move("AWSCURRENT", 1, 0), "InvalidParameterException")}, "AWSCURRENT=1"},
		"a free label needs no present holder":               {[]step{move("MINE", 0, 1)}, "AWSCURRENT=1 MINE=1"},
		"a label already there may be put there again":       {[]step{move("MINE", 0, 1), move("MINE", 0, 1)}, "AWSCURRENT=1 MINE=1"},
		"removing a label from a version without it fails":   {[]step{put(2), fails(move("MINE", 2, 1), "InvalidParameterException")}, "AWSCURRENT=2 AWSPREVIOUS=1"},
		"neither from nor to fails":                          {[]step{fails(move("MINE", 0, 0), "InvalidParameterException")}, "AWSCURRENT=1"},
		"the same token and value again moves no label back": {[]step{put(2), put(3), put(2)}, "AWSCURRENT=3 AWSPREVIOUS=2"},
		"the same token with another value fails": {[]step{put(2), fails(step{do: func(v vault) error { return v.put(2, "else") }}, "ResourceExistsException")},
			"AWSCURRENT=2 AWSPREVIOUS=1"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			for _, s := range tt.steps {
				wantCode(t, s.do(v), s.code)
			}
			if got := v.labels(); got != tt.want {
				t.Errorf("labels %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSecretsRefuse(t *testing.T) {
	name := aws.String(secretName)
	cases := map[string]struct {
		call func(v vault) error
		code string
	}{
		"a value of 65,536 bytes is taken": {func(v vault) error { return v.put(2, strings.Repeat("x", 65_536)) }, ""},
		"a value of 65,537 bytes":          {func(v vault) error { return v.put(2, strings.Repeat("x", 65_537)) }, "ValidationException"},
		"a token of 31 characters": {func(v vault) error {
			_, err := v.secrets().PutSecretValue(v.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: name, SecretString: name, ClientRequestToken: aws.String(strings.Repeat("t", 31))})
			return err
		}, "InvalidParameterException"},
		"no value": {func(v vault) error {
			_, err := v.secrets().PutSecretValue(v.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: name})
			return err
		}, "InvalidRequestException"},
		"both kinds of value": {func(v vault) error {
			_, err := v.secrets().PutSecretValue(v.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: name, SecretString: name, SecretBinary: []byte("x")})
			return err
		}, "InvalidParameterException"},
		"an unknown secret": {func(v vault) error {
			_, err := v.secrets().GetSecretValue(v.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("nothing")})
			return err
		}, "ResourceNotFoundException"},
		"an unknown version": {func(v vault) error {
			_, err := v.secrets().GetSecretValue(v.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: name, VersionId: token(7)})
			return err
		}, "ResourceNotFoundException"},
		"a version without that label": {func(v vault) error {
			_, err := v.secrets().GetSecretValue(v.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: name, VersionId: token(1), VersionStage: aws.String("AWSPENDING")})
			return err
		}, "InvalidRequestException"},
		"a name with blanks": {func(v vault) error {
			_, err := v.secrets().CreateSecret(v.t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("a b")})
			return err
		}, "ValidationException"},
		"another Region": {func(v vault) error {
			_, err := v.secrets().DescribeSecret(v.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: name}, func(o *secretsmanager.Options) { o.Region = "us-east-1" })
			return err
		}, "ResourceNotFoundException"},
	}
	for about, tt := range cases {
		t.Run(about, func(t *testing.T) {
			wantCode(t, tt.call(newVault(t)), tt.code)
		})
	}
}

func TestASecretWithoutAValueGetsItsFirstVersionCurrent(t *testing.T) {
	v := vault{newCloud(t, awsemu.Options{})}
	_, err := v.secrets().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(secretName)})
	must(t, err)
	if got := v.labels(); got != "" {
		t.Errorf("labels %q of an empty secret", got)
	}
	must(t, v.put(1, "v1", "AWSPENDING"))
	if got := v.labels(); got != "AWSCURRENT=1 AWSPENDING=1" {
		t.Errorf("labels %q", got)
	}
}

func TestVersionsWithoutALabelAreForgottenAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t)
		count := func() int {
			out, err := v.secrets().ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String(secretName), IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)})
			must(t, err)
			n := len(out.Versions)
			for out.NextToken != nil {
				out, err = v.secrets().ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String(secretName), IncludeDeprecated: aws.Bool(true), NextToken: out.NextToken})
				must(t, err)
				n += len(out.Versions)
			}
			return n
		}
		for n := 2; n <= 120; n++ {
			must(t, v.put(n, fmt.Sprint(n)))
		}
		if got := count(); got != 120 {
			t.Errorf("%d young versions, want all 120", got)
		}
		<-time.After(25 * time.Hour)
		must(t, v.put(121, "new"))
		if got := count(); got != 100 {
			t.Errorf("%d versions a day later, want 100", got)
		}
	})
}

func TestADeletedSecretComesBackOrGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t)
		name := aws.String(secretName)
		get := func() string {
			return code(second(v.secrets().GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: name})))
		}
		remove := func() {
			must(t, second(v.secrets().DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)})))
		}
		remove()
		wantCode(t, v.put(2, "v2"), "InvalidRequestException")
		wantCode(t, second(v.secrets().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: name})), "InvalidRequestException")
		if got := get(); got != "InvalidRequestException" {
			t.Errorf("scheduled: %q", got)
		}
		must(t, second(v.secrets().RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: name})))
		if got := get(); got != "" {
			t.Errorf("restored: %q", got)
		}
		remove()
		<-time.After(7 * 24 * time.Hour)
		if got := get(); got != "ResourceNotFoundException" {
			t.Errorf("a week later: %q", got)
		}
	})
}

func TestSecretsAreFoundByARNAndSeenByTheAdministration(t *testing.T) {
	v := newVault(t)
	out, err := v.secrets().DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(secretName)})
	must(t, err)
	for _, id := range []string{*out.ARN, (*out.ARN)[:len(*out.ARN)-7]} {
		if _, err := v.secrets().GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	id, err := v.server.PutSecret(prod, region, secretName, "by hand")
	must(t, err)
	value, version, err := v.server.Secret(prod, region, secretName, "")
	if err != nil || value != "by hand" || version != id {
		t.Errorf("administration reads %q of %s: %v", value, version, err)
	}
	if value, _, _ := v.server.Secret(prod, region, secretName, "AWSPREVIOUS"); value != "v1" {
		t.Errorf("previous value %q", value)
	}
	if _, _, err := v.server.Secret(prod, region, "nothing", ""); !errors.Is(err, awsemu.ErrUnknown) {
		t.Errorf("unknown secret: %v", err)
	}
}

// second gives the error of a call whose answer does not matter.
func second[T any](_ T, err error) error { return err }
