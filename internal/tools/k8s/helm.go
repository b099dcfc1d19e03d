package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// chart is where the chart lies, as everything else from the repository's root.
const chart = "charts/keyrotator"

// tool runs a program of the tools' folder against the cluster, with nothing of
// the caller's environment that might lead it to another one.
func (s *stage) tool(ctx context.Context, input string, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // one of the tools
	cmd.Env = []string{"KUBECONFIG=" + s.admin, "HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "NO_PROXY=127.0.0.1"}
	cmd.Stdin = strings.NewReader(input)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(path), strings.Join(args, " "), err, said.String(), out.String())
	}
	return out.String(), nil
}

func (s *stage) helm(ctx context.Context, args ...string) (string, error) {
	return s.tool(ctx, "", filepath.Join(s.tools, "helm"), args...)
}

func (s *stage) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	return s.tool(ctx, input, filepath.Join(s.cluster.Programs(), "kubectl"), args...)
}

// namespace makes a namespace that takes restricted pods alone.
func (s *stage) namespace(ctx context.Context, name string) error {
	_, err := s.kubectl(ctx, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q, "labels": {
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}}}`, name), "apply", "-f", "-")
	return err
}

// volumes makes a volume for whichever claim comes next: nothing here provisions
// any.
func (s *stage) volumes(ctx context.Context, name string) error {
	for _, mode := range []string{"ReadWriteOnce", "ReadWriteOncePod"} {
		_, err := s.kubectl(ctx, fmt.Sprintf(`{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": %q}, "spec": {
			"capacity": {"storage": "10Gi"}, "accessModes": [%q], "persistentVolumeReclaimPolicy": "Retain",
			"hostPath": {"path": %q}}}`, name+"-"+strings.ToLower(mode), mode, filepath.Join(s.dir, name)), "apply", "-f", "-")
		if err != nil {
			return err
		}
	}
	return nil
}

// install installs the chart under the name of its namespace and waits until all
// is there. The namespaces that the configuration names have to exist.
func (s *stage) install(ctx context.Context, name string, args ...string) error {
	rendered, err := s.helm(ctx, append([]string{"template", name, chart, "--namespace", name}, args...)...)
	if err != nil {
		return err
	}
	for _, namespace := range append(namespacesOf(rendered), name) {
		if err := s.namespace(ctx, namespace); err != nil {
			return err
		}
	}
	if err := s.volumes(ctx, name); err != nil {
		return err
	}
	if _, err = s.helm(ctx, append([]string{"install", name, chart, "--namespace", name, "--wait", "--timeout", "1m"}, args...)...); err != nil {
		return fmt.Errorf("%w\n%s", err, s.state(ctx, name))
	}
	// Helm does not say when the API server knows a field not.
	_, err = s.kubectl(ctx, rendered, "apply", "--dry-run=server", "--validate=strict", "--filename", "-")
	return err
}

// state is what a namespace looks like, for whoever has to find out about an error.
func (s *stage) state(ctx context.Context, namespace string) string {
	state, err := s.kubectl(ctx, "", "get", "nodes,pods,persistentvolumeclaims,events", "--namespace", namespace, "--output", "wide")
	if err != nil {
		return err.Error()
	}
	return state
}
