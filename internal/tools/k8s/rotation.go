package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/chaos/consumer"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const (
	account = "111122223333"
	robot   = "ci-robot"
	// release name and namespace of the program, and the namespace of its users.
	ours, theirs = "keyrotator", "apps"
	// patience bounds what takes seconds.
	patience = 2 * time.Minute
)

// rotation has the program rotate a key that lies in a Secret, and restart the
// Deployment that uses it, with no more than the chart's Role.
func (s *stage) rotation(ctx context.Context) (err error) {
	emu, url, closeAWS, err := serveAWS(ctx)
	if err != nil {
		return err
	}
	defer closeAWS()
	old, err := s.users(ctx, emu)
	if err != nil {
		return err
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	if err := s.installForRotation(ctx, emu, url, port); err != nil {
		return err
	}
	d, err := s.startDaemon(ctx, port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	s.sayf("the program runs as pod %s says: user %d, its own root folder, the chart's ConfigMap, its account's token", d.pod.Metadata.Name, d.pod.Spec.Spec.Security.User)

	witness := newWitness(s, emu)
	signing, enough := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- witness.signIn(signing) }()
	err = s.eventually(ctx, "the key is rotated and the Deployment restarted", func() (bool, error) {
		return s.rotated(ctx, emu, old)
	})
	enough()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, s.state(ctx, theirs))
	}
	if err := errors.Join(err, <-watched, d.said(err)); err != nil {
		return err
	}
	s.sayf("the key in Secret %s/aws-credentials is a new one, Deployment runner was restarted for it, the old key is gone: %d sign-ins, 0 failed", theirs, witness.count)
	if err := s.audited(ctx, d); err != nil {
		return err
	}
	return s.alerts(ctx, d, port)
}

// serveAWS serves an AWS on loopback.
func serveAWS(ctx context.Context) (*awsemu.Server, string, func(), error) {
	emu := awsemu.New(awsemu.Options{LastUsedGranularity: -1, Seed: 1})
	if err := emu.CreateAccount(account); err != nil {
		return nil, "", nil, err
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	server := &http.Server{Handler: emu, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(socket) }() // it ends with Close
	return emu, "http://" + socket.Addr().String(), func() { _ = server.Close() }, nil
}

// users makes the IAM user, and in the cluster the Secret with its key and the
// Deployment that uses it.
func (s *stage) users(ctx context.Context, emu *awsemu.Server) (old string, err error) {
	_, err = emu.CreateUser(account, robot)
	old, secret, err2 := emu.CreateAccessKey(account, robot)
	if err := errors.Join(err, err2, emu.SetKeyCreated(old, emu.Now().Add(-time.Hour)), s.namespace(ctx, theirs)); err != nil {
		return "", err
	}
	_, err = s.kubectl(ctx, fmt.Sprintf(`{"apiVersion": "v1", "kind": "List", "items": [
		{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws-credentials", "namespace": %[1]q},
		 "stringData": {"AWS_ACCESS_KEY_ID": %[2]q, "AWS_SECRET_ACCESS_KEY": %[3]q, "REGION": "eu-west-1"}},
		{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "runner", "namespace": %[1]q},
		 "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "runner"}}, "template": {"metadata": {"labels": {"app": "runner"}},
		  "spec": {"securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
		   "containers": [{"name": "runner", "image": "runner", "envFrom": [{"secretRef": {"name": "aws-credentials"}}],
		    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}}}]}`, theirs, old, secret), "apply", "-f", "-")
	if err == nil {
		_, err = s.kubectl(ctx, "", "rollout", "status", "deployment/runner", "--namespace", theirs, "--timeout", "1m")
	}
	return old, err
}

// installForRotation installs the chart with graces of seconds.
func (s *stage) installForRotation(ctx context.Context, emu *awsemu.Server, url, port string) error {
	_, err := emu.CreateUser(account, "daemon")
	id, secret, err2 := emu.CreateAccessKey(account, "daemon")
	if err := errors.Join(err, err2, emu.Allow(account, "daemon", "*"), s.namespace(ctx, ours)); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own-key", "namespace": %q},
		"stringData": {"AWS_ACCESS_KEY_ID": %q, "AWS_SECRET_ACCESS_KEY": %q}}`, ours, id, secret), "apply", "-f", "-"); err != nil {
		return err
	}
	values, err := json.Marshal(map[string]any{ // JSON is YAML
		"config": map[string]any{
			"accounts": map[string]any{"emu": map[string]any{"id": account, "region": consumer.Region}},
			"policies": map[string]any{"default": map[string]any{
				"max_age": "30m", "overlap": "1s", "quiet": "1s", "trial": "1s", "settle": "1s", "jitter": "0s", "last_used_lag": "0s",
				"verify": map[string]any{"successes": 2, "over": "100ms"},
			}},
			"users": []any{map[string]any{"user": "emu/" + robot, "consumers": []any{map[string]any{
				"refreshes": "3s",
				"store":     map[string]any{"kubernetes": map[string]any{"namespace": theirs, "secret": "aws-credentials", "adopt": true}},
				"reload":    map[string]any{"rollout": map[string]any{"workloads": []string{"deployment/runner"}}},
			}}}},
		},
		"extraArgs":    []string{"--listen=127.0.0.1:" + port},
		"extraEnv":     []any{map[string]string{"name": "AWS_ENDPOINT_URL", "value": url}, map[string]string{"name": "AWS_EC2_METADATA_DISABLED", "value": "true"}},
		"extraEnvFrom": []any{map[string]any{"secretRef": map[string]string{"name": "own-key"}}},
	})
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "rotation.yaml")
	if err := os.WriteFile(file, values, 0o600); err != nil {
		return err
	}
	return s.install(ctx, ours, "--values", file)
}

// rotated reports whether the user has one key, another one than before, which
// the Secret holds and for which the Deployment was restarted.
func (s *stage) rotated(ctx context.Context, emu *awsemu.Server, old string) (bool, error) {
	keys, err := emu.Keys(account, robot)
	if err != nil || len(keys) != 1 || keys[0].ID == old {
		return false, err
	}
	held, err := s.object(ctx, "secrets", theirs, "aws-credentials")
	if err != nil {
		return false, err
	}
	if string(held["AWS_ACCESS_KEY_ID"]) != keys[0].ID || string(held["REGION"]) != "eu-west-1" {
		return false, errors.New("the Secret does not hold the one key that is left, or lost what else it held")
	}
	status, answer, err := s.cluster.Call(ctx, http.MethodGet, "/apis/apps/v1/namespaces/"+theirs+"/deployments/runner", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(string(answer), keys[0].ID) {
		return false, fmt.Errorf("the Deployment was not restarted for %s (%d, %w)", keys[0].ID, status, err)
	}
	return true, nil
}

// witness signs in with what the Secret holds, as its readers do.
type witness struct {
	stage *stage
	emu   *awsemu.Server
	count int
}

func newWitness(s *stage, emu *awsemu.Server) *witness { return &witness{stage: s, emu: emu} }

// signIn signs in until the context ends, and says what went wrong.
func (w *witness) signIn(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		held, err := w.stage.object(ctx, "secrets", theirs, "aws-credentials")
		if err == nil {
			err = consumer.SignIn(ctx, w.emu.Transport(), consumer.Keys(string(held["AWS_ACCESS_KEY_ID"]), string(held["AWS_SECRET_ACCESS_KEY"])), w.emu.Now())
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("a consumer does not sign in: %w", err)
		}
		w.count++
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// audited looks at everything that the program asked the API server for: each
// request was allowed, and only what its Role says was asked.
func (s *stage) audited(ctx context.Context, d *daemon) error {
	requests, err := s.cluster.Audit(ctx, "system:serviceaccount:"+ours+":"+d.pod.Spec.Spec.Account)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, r := range requests {
		if r.Status.Code >= 400 {
			return fmt.Errorf("the program asked for %s", r)
		}
		counts[r.String()]++
	}
	allowed := []string{
		"create selfsubjectaccessreviews 201", "get secrets apps/aws-credentials 200", "patch secrets apps/aws-credentials 200",
		"get deployments apps/runner 200", "patch deployments apps/runner 200",
	}
	for asked, n := range counts {
		if !slices.Contains(allowed, asked) {
			return fmt.Errorf("the program asked %d times for %s", n, asked)
		}
	}
	if len(counts) != len(allowed) {
		return fmt.Errorf("the audit log has %v, want some of each of %v", counts, allowed)
	}
	s.sayf("the audit log has %d requests of its account, none refused, and of these kinds alone: %s", len(requests), strings.Join(allowed, ", "))
	return nil
}

// eventually asks again and again until the answer is yes.
func (s *stage) eventually(ctx context.Context, what string, yes func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		is, err := yes()
		if is {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w (%w)", what, ctx.Err(), err)
		}
	}
}

// says asks a server whether it is ready.
func says(ctx context.Context, url string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	answer, err := new(http.Client).Do(request)
	if err != nil {
		return false, err
	}
	return answer.StatusCode == http.StatusOK, answer.Body.Close()
}

// freePort finds a port of loopback that nobody listens on.
func freePort(ctx context.Context) (string, error) {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(socket.Addr().String())
	return port, errors.Join(err, socket.Close())
}
