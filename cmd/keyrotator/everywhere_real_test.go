package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func (e *everywhere) parameter(t *testing.T) *somewhere {
	t.Helper()
	holder, err := account.New(t.Context(), account.Options{Name: "emu", Region: "us-east-1", Credentials: e.key, Transport: e.emu.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	client, name, ctx := sdkssm.NewFromConfig(holder.Config("us-east-1")), aws.String("/ci/"+variable), context.WithoutCancel(t.Context())
	return &somewhere{
		yaml: fmt.Sprintf("ssm: {path: /ci, variable: %s, create: true", variable),
		seed: func(id, secret string) error {
			_, err := client.PutParameter(ctx, &sdkssm.PutParameterInput{Name: name, Value: aws.String(secretValue(id, secret)), Type: types.ParameterTypeSecureString})
			return err
		},
		read: func() ([]byte, error) {
			out, err := client.GetParameter(ctx, &sdkssm.GetParameterInput{Name: name, WithDecryption: aws.Bool(true)})
			if err != nil {
				return nil, err
			}
			return []byte(*out.Parameter.Value), nil
		},
		forbid: func() error { return e.emu.Deny(testAccount, awsemu.AdminUser, "ssm:*") },
	}
}

// The policies of the Vault's token, before and after it is forbidden to write.
const (
	vaultWrites = `path "everywhere/data/*" { capabilities = ["create", "read", "update"] }
path "everywhere/metadata/*" { capabilities = ["create", "read", "update", "patch"] }`
	vaultReads = `path "everywhere/data/*" { capabilities = ["read"] }
path "everywhere/metadata/*" { capabilities = ["read"] }`
)

// vault is a secret in a real Vault, in a mount that no other test has.
func (e *everywhere) vault(t *testing.T) *somewhere {
	t.Helper()
	server, ctx := vaults().Server(t), context.WithoutCancel(t.Context())
	call := func(method, path string, body any) (map[string]any, error) {
		return server.Call(ctx, method, path, body)
	}
	policy := func(text string) error {
		_, err := call("PUT", "sys/policies/acl/everywhere", map[string]any{"policy": text})
		return err
	}
	_, err := call("POST", "sys/mounts/everywhere", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
	made, err2 := call("POST", "auth/token/create", map[string]any{"policies": []string{"everywhere"}})
	t.Cleanup(func() {
		if _, err := call("DELETE", "sys/mounts/everywhere", nil); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(err, err2, policy(vaultWrites)); err != nil {
		t.Fatal(err)
	}
	for refused := errors.New("not asked yet"); refused != nil && ctx.Err() == nil; { // a new mount answers with an error until it has set itself up
		_, refused = call("GET", "everywhere/config", nil)
	}
	token, d := made["auth"].(map[string]any)["client_token"].(string), e.keeper.open(t, server.Address, nil, false)
	e.token(t, "", token)
	return &somewhere{
		door: d,
		yaml: fmt.Sprintf("vault: {url: %q, token_file: %s, mount: everywhere, path: ci, create: true", d.URL, e.text(t, "vault-token", token)),
		seed: func(id, secret string) error {
			_, err := call("POST", "everywhere/data/ci", map[string]any{"data": map[string]string{"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret}})
			return err
		},
		read: func() ([]byte, error) {
			out, err := call("GET", "everywhere/data/ci", nil)
			if err != nil {
				return nil, err
			}
			return json.Marshal(out["data"].(map[string]any)["data"])
		},
		forbid: func() error {
			_, err := call("DELETE", "everywhere/metadata/ci", nil)
			return errors.Join(err, policy(vaultReads))
		},
	}
}

// What a service account may do with the Secret, before and after it is
// forbidden to write.
const (
	clusterWrites = `[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "patch", "create"]}, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]`
	clusterReads  = `[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}]`
)

// kubernetes is a Secret of a real API server.
func (e *everywhere) kubernetes(t *testing.T) *somewhere {
	t.Helper()
	shared, ctx := clusters(), context.WithoutCancel(t.Context())
	c := shared.Cluster(t)
	e.namespace = shared.Namespace(t)
	d := e.keeper.open(t, c.URL(), c.Transport(), true)
	config := func(rules, name string) []byte {
		token, _ := shared.Account(t, e.namespace, name, rules)
		e.token(t, "", token)
		text, err := os.ReadFile(shared.KubeconfigThrough(t, d.Server, token))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	may, mayNot := config(clusterWrites, "writer"), config(clusterReads, "reader")
	e.kubeconfig = e.text(t, "kubeconfig", string(may))
	call := func(method, path string, body any) ([]byte, error) {
		status, answer, err := c.Call(ctx, method, "/api/v1/namespaces/"+e.namespace+"/secrets"+path, body)
		if err == nil && status > 299 {
			err = fmt.Errorf("%s %s: the API server answers %d", method, path, status)
		}
		return answer, err
	}
	return &somewhere{
		door: d,
		yaml: fmt.Sprintf("kubernetes: {kubeconfig: %s, namespace: %s, secret: ci, create: true", e.kubeconfig, e.namespace),
		seed: func(id, secret string) error {
			_, err := call(http.MethodPost, "", map[string]any{
				"metadata":   map[string]string{"name": "ci"},
				"stringData": map[string]string{"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret},
			})
			return err
		},
		read: func() ([]byte, error) {
			answer, err := call(http.MethodGet, "/ci", nil)
			var held struct {
				Data map[string][]byte `json:"data"`
			}
			if err == nil {
				err = json.Unmarshal(answer, &held)
			}
			if err != nil {
				return nil, err
			}
			return json.Marshal(map[string]string{
				"AWS_ACCESS_KEY_ID": string(held.Data["AWS_ACCESS_KEY_ID"]), "AWS_SECRET_ACCESS_KEY": string(held.Data["AWS_SECRET_ACCESS_KEY"]),
			})
		},
		forbid: func() error {
			_, err := call(http.MethodDelete, "/ci", nil)
			return errors.Join(err, os.WriteFile(filepath.Clean(e.kubeconfig), mayNot, 0o600))
		},
	}
}
