package awsemu_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// stranger runs a scenario with a foreign client and checks code after code.
type stranger struct {
	t   *testing.T
	by  foreigner
	who credential
}

type params = map[string]any

// do wants an error code, or success when it is "".
func (s *stranger) do(want, service, operation string, p params) params {
	s.t.Helper()
	got, out := s.by.call(s.t, s.who, service, operation, p)
	if got != want {
		s.t.Errorf("%s:%s %v: code %q, want %q", service, operation, p, got, want)
	}
	return out
}

// as signs the following calls with another credential.
func (s *stranger) as(who credential) *stranger { return &stranger{t: s.t, by: s.by, who: who} }

// at digs a value out of an answer: keys of maps and indexes of lists.
func at(t *testing.T, out any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := out.(map[string]any)
			out = m[p]
		case int:
			l, _ := out.([]any)
			if p >= len(l) {
				t.Fatalf("%v: the list has %d items", path, len(l))
			}
			out = l[p]
		}
	}
	return out
}

func text(t *testing.T, out any, path ...any) string {
	t.Helper()
	return fmt.Sprint(at(t, out, path...))
}

// foreignScenarios are independent of each other: each gets a server of its own.
func foreignScenarios() map[string]func(*testing.T, *awsemu.Server, *stranger) {
	return map[string]func(*testing.T, *awsemu.Server, *stranger){
		"keys": foreignKeys, "secrets": foreignSecrets, "parameters": foreignParameters,
		"roles": foreignRoles, "credential report": foreignReport, "clocks": foreignClocks,
	}
}

func foreignClocks(_ *testing.T, server *awsemu.Server, admin *stranger) {
	server.SetClockSkew(16 * time.Minute)
	admin.do("SignatureDoesNotMatch", "sts", "GetCallerIdentity", nil)
	server.SetClockSkew(-16 * time.Minute)
	admin.do("InvalidSignatureException", "secretsmanager", "DescribeSecret", params{"SecretId": "prod/ci"})
}

func foreignKeys(t *testing.T, server *awsemu.Server, admin *stranger) {
	ci := params{"UserName": "ci"}
	admin.do("", "iam", "CreateUser", ci)
	admin.do("EntityAlreadyExists", "iam", "CreateUser", ci)
	first := admin.do("", "iam", "CreateAccessKey", ci)
	second := admin.do("", "iam", "CreateAccessKey", ci)
	admin.do("LimitExceeded", "iam", "CreateAccessKey", ci)
	admin.do("NoSuchEntity", "iam", "CreateAccessKey", params{"UserName": "nobody"})

	list := admin.do("", "iam", "ListAccessKeys", params{"UserName": "ci", "MaxItems": 1})
	if truncated, ok := at(t, list, "IsTruncated").(bool); !ok || !truncated {
		t.Errorf("first page: %v", list)
	}
	next := admin.do("", "iam", "ListAccessKeys", params{"UserName": "ci", "MaxItems": 1, "Marker": text(t, list, "Marker")})
	if text(t, next, "AccessKeyMetadata", 0, "AccessKeyId") != text(t, second, "AccessKey", "AccessKeyId") {
		t.Errorf("second page: %v", next)
	}

	key := credential{text(t, first, "AccessKey", "AccessKeyId"), text(t, first, "AccessKey", "SecretAccessKey"), ""}
	user := admin.as(key)
	me := user.do("", "sts", "GetCallerIdentity", nil)
	if text(t, me, "Arn") != "arn:aws:iam::"+prod+":user/ci" {
		t.Errorf("identity %v", me)
	}
	user.do("AccessDenied", "iam", "ListUsers", nil)
	user.do("AccessDeniedException", "secretsmanager", "DescribeSecret", params{"SecretId": "x"})
	admin.as(credential{key.id, "wrong" + key.secret[5:], ""}).do("SignatureDoesNotMatch", "sts", "GetCallerIdentity", nil)
	admin.as(credential{key.id, "wrong" + key.secret[5:], ""}).do("InvalidSignatureException", "ssm", "GetParameter", params{"Name": "x"})
	used := admin.do("", "iam", "GetAccessKeyLastUsed", params{"AccessKeyId": key.id})
	if text(t, used, "UserName") != "ci" || text(t, used, "AccessKeyLastUsed", "ServiceName") != "sts" {
		t.Errorf("last used %v", used)
	}

	update := params{"UserName": "ci", "AccessKeyId": key.id, "Status": "Inactive"}
	admin.do("", "iam", "UpdateAccessKey", update)
	user.do("InvalidClientTokenId", "sts", "GetCallerIdentity", nil)
	user.do("UnrecognizedClientException", "secretsmanager", "DescribeSecret", params{"SecretId": "x"})
	admin.do("DeleteConflict", "iam", "DeleteUser", ci)
	admin.do("", "iam", "DeleteAccessKey", params{"UserName": "ci", "AccessKeyId": key.id})
	admin.do("NoSuchEntity", "iam", "DeleteAccessKey", params{"UserName": "ci", "AccessKeyId": key.id})
	admin.do("NoSuchEntity", "iam", "UpdateAccessKey", update)
	info := admin.do("", "sts", "GetAccessKeyInfo", params{"AccessKeyId": key.id})
	if text(t, info, "Account") != prod {
		t.Errorf("key info %v", info)
	}
	server.Inject(awsemu.Fault{Kind: awsemu.Throttle, Service: "iam", Count: 1})
	admin.do("Throttling", "iam", "ListAccessKeys", ci)
	server.Inject(awsemu.Fault{Kind: awsemu.Throttle, Service: "secretsmanager", Count: 1})
	admin.do("ThrottlingException", "secretsmanager", "DescribeSecret", params{"SecretId": "x"})
}

func foreignSecrets(t *testing.T, _ *awsemu.Server, admin *stranger) {
	const name = "prod/ci"
	token := func(n int) string { return fmt.Sprintf("token-%032d", n) }
	put := func(n int, value string, stages ...string) params {
		p := params{"SecretId": name, "ClientRequestToken": token(n), "SecretString": value}
		if stages != nil {
			p["VersionStages"] = stages
		}
		return p
	}
	move := func(label string, from, to int) params {
		p := params{"SecretId": name, "VersionStage": label, "MoveToVersionId": token(to)}
		if from > 0 {
			p["RemoveFromVersionId"] = token(from)
		}
		return p
	}
	admin.do("ResourceNotFoundException", "secretsmanager", "GetSecretValue", params{"SecretId": name})
	admin.do("", "secretsmanager", "CreateSecret", params{"Name": name, "SecretString": "one", "ClientRequestToken": token(1)})
	admin.do("", "secretsmanager", "CreateSecret", params{"Name": name, "SecretString": "one", "ClientRequestToken": token(1)})
	admin.do("ResourceExistsException", "secretsmanager", "CreateSecret", params{"Name": name, "SecretString": "two", "ClientRequestToken": token(2)})
	admin.do("", "secretsmanager", "PutSecretValue", put(2, "two", "AWSPENDING"))
	admin.do("", "secretsmanager", "PutSecretValue", put(2, "two", "AWSPENDING"))
	admin.do("ResourceExistsException", "secretsmanager", "PutSecretValue", put(2, "three", "AWSPENDING"))
	admin.do("ResourceNotFoundException", "secretsmanager", "GetSecretValue", params{"SecretId": name, "VersionStage": "AWSPREVIOUS"})
	admin.do("InvalidParameterException", "secretsmanager", "UpdateSecretVersionStage", move("AWSCURRENT", 0, 2))
	admin.do("", "secretsmanager", "UpdateSecretVersionStage", move("AWSCURRENT", 1, 2))
	admin.do("InvalidParameterException", "secretsmanager", "UpdateSecretVersionStage", move("AWSCURRENT", 1, 2))
	for label, want := range map[string]string{"AWSCURRENT": "two", "AWSPENDING": "two", "AWSPREVIOUS": "one"} {
		got := admin.do("", "secretsmanager", "GetSecretValue", params{"SecretId": name, "VersionStage": label})
		if text(t, got, "SecretString") != want {
			t.Errorf("%s holds %v", label, got)
		}
	}
	list := admin.do("", "secretsmanager", "ListSecretVersionIds", params{"SecretId": name})
	if n := len(at(t, list, "Versions").([]any)); n != 2 {
		t.Errorf("%d versions, want 2", n)
	}
	admin.do("", "secretsmanager", "TagResource", params{"SecretId": name, "Tags": []params{{"Key": "owner", "Value": "me"}}})
	described := admin.do("", "secretsmanager", "DescribeSecret", params{"SecretId": name})
	if text(t, described, "Tags", 0, "Value") != "me" || !strings.HasPrefix(text(t, described, "ARN"), "arn:aws:secretsmanager:"+region+":"+prod+":secret:"+name+"-") {
		t.Errorf("described %v", described)
	}
	admin.do("", "secretsmanager", "DeleteSecret", params{"SecretId": name})
	admin.do("InvalidRequestException", "secretsmanager", "GetSecretValue", params{"SecretId": name})
	admin.do("", "secretsmanager", "RestoreSecret", params{"SecretId": name})
}

func foreignParameters(t *testing.T, _ *awsemu.Server, admin *stranger) {
	const name = "/prod/ci"
	put := params{"Name": name, "Value": "open sesame", "Type": "SecureString"}
	admin.do("ParameterNotFound", "ssm", "GetParameter", params{"Name": name})
	admin.do("", "ssm", "PutParameter", put)
	admin.do("ParameterAlreadyExists", "ssm", "PutParameter", put)
	put["Overwrite"] = true
	if out := admin.do("", "ssm", "PutParameter", put); text(t, out, "Version") != "2" {
		t.Errorf("overwritten: %v", out)
	}
	closed := admin.do("", "ssm", "GetParameter", params{"Name": name})
	open := admin.do("", "ssm", "GetParameter", params{"Name": name, "WithDecryption": true})
	if text(t, closed, "Parameter", "Value") == "open sesame" || text(t, open, "Parameter", "Value") != "open sesame" {
		t.Errorf("closed %v, open %v", closed, open)
	}
	admin.do("", "ssm", "DeleteParameter", params{"Name": name})
}

func foreignRoles(t *testing.T, server *awsemu.Server, admin *stranger) {
	must(t, server.CreateAccount(other))
	arn, err := server.CreateRole(awsemu.Role{Account: other, Name: "rotator", ExternalID: "shared-word", Trusted: []string{prod}})
	must(t, err)
	assume := params{"RoleArn": arn, "RoleSessionName": "test", "ExternalId": "wrong"}
	admin.do("AccessDenied", "sts", "AssumeRole", assume)
	assume["ExternalId"] = "shared-word"
	out := admin.do("", "sts", "AssumeRole", assume)
	session := credential{text(t, out, "Credentials", "AccessKeyId"), text(t, out, "Credentials", "SecretAccessKey"), text(t, out, "Credentials", "SessionToken")}
	me := admin.as(session).do("", "sts", "GetCallerIdentity", nil)
	if text(t, me, "Arn") != "arn:aws:sts::"+other+":assumed-role/rotator/test" {
		t.Errorf("identity %v", me)
	}
	admin.as(session).do("ValidationError", "iam", "ListAccessKeys", nil)
	admin.as(credential{session.id, session.secret, "forged"}).do("InvalidClientTokenId", "sts", "GetCallerIdentity", nil)
}

func foreignReport(t *testing.T, server *awsemu.Server, admin *stranger) {
	_, err := server.CreateUser(prod, "ci")
	must(t, err)
	admin.do("ReportNotPresent", "iam", "GetCredentialReport", nil)
	if out := admin.do("", "iam", "GenerateCredentialReport", nil); text(t, out, "State") != "STARTED" {
		t.Errorf("generate: %v", out)
	}
	out := admin.do("", "iam", "GetCredentialReport", nil)
	content, err := base64.StdEncoding.DecodeString(text(t, out, "Content"))
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(lines) != 4 || strings.Count(lines[0], ",") != 21 || !strings.HasPrefix(lines[1], "<root_account>,") || !strings.HasPrefix(lines[2], "ci,") {
		t.Errorf("report:\n%s", content)
	}
}
