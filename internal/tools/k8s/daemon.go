package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/keyrotator/keyrotator/internal/tools/k8s/pod"
)

// daemon is the program, run as a pod of the chart says.
type daemon struct {
	pod  release
	root string
	cmd  *exec.Cmd
	out  output
}

// output is what a process has said so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (s *stage) startDaemon(ctx context.Context, port string) (*daemon, error) {
	p, err := s.pod(ctx, ours)
	if err != nil {
		return nil, err
	}
	ca, err := s.cluster.CA()
	if err != nil {
		return nil, err
	}
	d := &daemon{pod: p, root: filepath.Join(s.dir, "root")}
	node := pod.Node{
		Program: s.program, Host: "127.0.0.1", Port: s.cluster.Port(), CA: ca,
		Object: s.object, Token: s.token,
	}
	// Everybody may pass through the folders above the pod's own.
	if err := errors.Join(os.Chmod(s.dir, 0o711), os.MkdirAll(d.root, 0o755)); err != nil { //nolint:gosec // as said above
		return nil, err
	}
	if d.cmd, err = node.Prepare(ctx, p.Spec, d.root); err != nil {
		return nil, fmt.Errorf("run pod %s: %w", p.Metadata.Name, err)
	}
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	err = s.eventually(ctx, "/readyz says yes", func() (bool, error) { return says(ctx, "http://127.0.0.1:"+port+"/readyz") })
	if err != nil {
		return nil, errors.Join(err, d.said(err), d.stop())
	}
	return d, nil
}

// token makes a token of the pod's service account.
func (s *stage) token(ctx context.Context, p pod.Spec) (string, error) {
	status, answer, err := s.cluster.Call(ctx, http.MethodPost,
		"/api/v1/namespaces/"+p.Metadata.Namespace+"/serviceaccounts/"+p.Spec.Account+"/token", `{"spec": {}}`)
	if err != nil || status != http.StatusCreated {
		return "", fmt.Errorf("make a token of %s: %d (%w)", p.Spec.Account, status, err)
	}
	var made struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	err = json.Unmarshal(answer, &made)
	return made.Status.Token, err
}

// command runs the program's command line beside the daemon, as kubectl exec does.
func (d *daemon) command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.cmd.Path, args...) //nolint:gosec // the program in the pod's root
	cmd.Dir, cmd.Env, cmd.SysProcAttr = d.cmd.Dir, d.cmd.Env, d.cmd.SysProcAttr
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("keyrotator %v: %w\n%s", args, err, out)
	}
	return nil
}

// said is what the daemon said, for whoever has to find out about an error.
func (d *daemon) said(err error) error {
	if err == nil {
		return nil
	}
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	return fmt.Errorf("the program said:\n%s", d.out.text.Bytes())
}

// stop ends the daemon as a kubelet does.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("after SIGTERM: %w", err)
	}
	return nil
}
