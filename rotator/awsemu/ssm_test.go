package awsemu_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// ssm makes a call by hand: the project has no SDK client for it here.
func (c *cloud) ssm(operation string, in any) (code string, out map[string]any) {
	c.t.Helper()
	body, err := json.Marshal(in)
	must(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "https://ssm.eu-west-1.amazonaws.com/", bytes.NewReader(body))
	must(c.t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonSSM."+operation)
	creds, err := c.admin.Credentials.Retrieve(c.t.Context())
	must(c.t, err)
	must(c.t, v4.NewSigner().SignHTTP(c.t.Context(), creds, r, hashed(string(body)), "ssm", region, time.Now()))
	answer, err := c.server.Transport().RoundTrip(r)
	must(c.t, err)
	text, err := io.ReadAll(answer.Body)
	must(c.t, err)
	must(c.t, json.Unmarshal(text, &out))
	if answer.StatusCode != http.StatusOK {
		code, _ = out["__type"].(string)
		return code, out
	}
	return "", out
}

func TestParameters(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	name := params{"Name": "/app/key"}
	steps := []struct {
		about, operation string
		in               params
		code             string
		holds            string // a part of the answer
	}{
		{"an unknown parameter", "GetParameter", name, "ParameterNotFound", ""},
		{"no type at creation", "PutParameter", params{"Name": "/app/key", "Value": "v1"}, "ValidationException", ""},
		{"an unknown type", "PutParameter", params{"Name": "/app/key", "Value": "v1", "Type": "Text"}, "UnsupportedParameterType", ""},
		{"a value too long", "PutParameter", params{"Name": "/app/key", "Value": strings.Repeat("x", 4097), "Type": "String"}, "ValidationException", ""},
		{"a value that is long enough for the advanced tier", "PutParameter", params{"Name": "/app/long", "Value": strings.Repeat("x", 4097), "Type": "String", "Tier": "Advanced"}, "", `"Tier":"Advanced"`},
		{"a first version", "PutParameter", params{"Name": "/app/key", "Value": "v1", "Type": "SecureString"}, "", `"Version":1`},
		{"no overwriting unless asked for", "PutParameter", params{"Name": "/app/key", "Value": "v2", "Type": "SecureString"}, "ParameterAlreadyExists", ""},
		{"tags together with overwriting", "PutParameter", params{"Name": "/app/key", "Value": "v2", "Overwrite": true, "Tags": []params{{"Key": "a", "Value": "b"}}}, "ValidationException", ""},
		{"an overwrite that keeps the type", "PutParameter", params{"Name": "/app/key", "Value": "v2", "Overwrite": true}, "", `"Version":2`},
		{"a type that changes", "PutParameter", params{"Name": "/app/key", "Value": "v2", "Type": "String", "Overwrite": true}, "HierarchyTypeMismatchException", ""},
		{"a tier that is taken back", "PutParameter", params{"Name": "/app/long", "Value": "x", "Tier": "Standard", "Overwrite": true}, "ValidationException", ""},
		{"a tier that the length chooses", "PutParameter", params{"Name": "/app/either", "Value": strings.Repeat("x", 4097), "Type": "String", "Tier": "Intelligent-Tiering"}, "", `"Tier":"Advanced"`},
		{"a tier that the length does not ask for", "PutParameter", params{"Name": "/app/short", "Value": "x", "Type": "String", "Tier": "Intelligent-Tiering"}, "", `"Tier":"Standard"`},
		{"a KMS key for plain text", "PutParameter", params{"Name": "/app/short", "Value": "x", "Type": "String", "KeyId": "alias/mine", "Overwrite": true}, "ValidationException", ""},
		{"a description that is too long", "PutParameter", params{"Name": "/app/short", "Value": "x", "Description": strings.Repeat("x", 1025), "Overwrite": true}, "ValidationException", ""},
		{"a name that AWS reserves", "PutParameter", params{"Name": "/AWS/key", "Value": "x", "Type": "String"}, "ValidationException", ""},
		{"a page of the history", "GetParameterHistory", params{"Name": "/app/key", "MaxResults": 1}, "", `"NextToken":"1"`},
		{"the page after it", "GetParameterHistory", params{"Name": "/app/key", "MaxResults": 1, "NextToken": "1"}, "", `"Version":2`},
		{"a page that is too large", "GetParameterHistory", params{"Name": "/app/key", "MaxResults": 51}, "ValidationException", ""},
		{"an old version by its number", "GetParameter", params{"Name": "/app/key:1", "WithDecryption": true}, "", `"Value":"v1"`},
		{"a version that never was", "GetParameter", params{"Name": "/app/key:9"}, "ParameterVersionNotFound", ""},
		{"the newest by ARN", "GetParameter", params{"Name": "arn:aws:ssm:eu-west-1:" + prod + ":parameter/app/key", "WithDecryption": true}, "", `"Value":"v2"`},
		{"the history", "GetParameterHistory", params{"Name": "/app/key", "WithDecryption": true}, "", `"Value":"v1"`},
		{"a tag", "AddTagsToResource", params{"ResourceType": "Parameter", "ResourceId": "/app/key", "Tags": []params{{"Key": "owner", "Value": "me"}}}, "", ""},
		{"tags listed", "ListTagsForResource", params{"ResourceType": "Parameter", "ResourceId": "/app/key"}, "", `"owner"`},
		{"tags of nothing", "ListTagsForResource", params{"ResourceType": "Parameter", "ResourceId": "/nothing"}, "InvalidResourceId", ""},
		{"all, a page of one", "DescribeParameters", params{"MaxResults": 1}, "", `"NextToken":"1"`},
		{"a filter is refused, not ignored", "DescribeParameters", params{"ParameterFilters": []params{{"Key": "Name"}}}, "InvalidFilterKey", ""},
		{"a deletion", "DeleteParameter", name, "", ""},
		{"nothing is left", "GetParameter", name, "ParameterNotFound", ""},
		{"an operation that is not emulated", "GetParametersByPath", params{"Path": "/"}, "UnknownOperationException", ""},
	}
	for _, s := range steps {
		code, out := c.ssm(s.operation, s.in)
		body, err := json.Marshal(out)
		must(t, err)
		if code != s.code || !strings.Contains(string(body), s.holds) {
			t.Errorf("%s: code %q, want %q; %s", s.about, code, s.code, body)
		}
	}
}

func TestWhatIsSaidOfAVersionStaysWithIt(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.ssm("PutParameter", params{"Name": "k", "Value": "1", "Type": "SecureString", "Description": "first", "KeyId": "alias/mine", "AllowedPattern": ".*"})
	c.ssm("PutParameter", params{"Name": "k", "Value": "2", "Overwrite": true})
	c.ssm("PutParameter", params{"Name": "k", "Value": "3", "Overwrite": true, "Description": "third"})
	_, out := c.ssm("GetParameterHistory", params{"Name": "k"})
	var told []string
	for _, v := range out["Parameters"].([]any) {
		v := v.(map[string]any)
		told = append(told, fmt.Sprintf("%v %v %v %v", v["Version"], v["Description"], v["KeyId"], v["AllowedPattern"]))
	}
	want := []string{"1 first alias/mine .*", "2 first alias/aws/ssm .*", "3 third alias/aws/ssm .*"}
	if !slices.Equal(told, want) {
		t.Errorf("the history is %q, want %q", told, want)
	}
}

func TestASecureStringStaysClosed(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.ssm("PutParameter", params{"Name": "k", "Value": "open sesame", "Type": "SecureString"})
	for operation, in := range map[string]params{"GetParameter": {"Name": "k"}, "GetParameterHistory": {"Name": "k"}, "DescribeParameters": {}} {
		_, out := c.ssm(operation, in)
		body, err := json.Marshal(out)
		must(t, err)
		if strings.Contains(string(body), "open sesame") {
			t.Errorf("%s shows the value", operation)
		}
	}
}
