package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyrotator/keyrotator/internal/tools/k8s/pod"
)

// newcomer installs the chart with the values that the README shows, changes
// them, and goes back.
func (s *stage) newcomer(ctx context.Context) error {
	values, err := readmeValues()
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "newcomer.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		return err
	}
	const name = "newcomer"
	if err := s.install(ctx, name, "--values", file); err != nil {
		return err
	}
	first, err := s.pod(ctx, name)
	if err != nil {
		return err
	}
	s.sayf("helm install --wait with the README's %d lines of values: pod %s is ready in a namespace for restricted pods, each object is valid",
		strings.Count(values, "\n"), first.Metadata.Name)
	if _, err := s.helm(ctx, "upgrade", name, chart, "--namespace", name, "--values", file, "--set", "config.schedule.sweep=@every 2h", "--wait", "--timeout", "2m"); err != nil {
		return err
	}
	second, err := s.pod(ctx, name)
	if err != nil {
		return err
	}
	if second.Metadata.Name == first.Metadata.Name {
		return fmt.Errorf("pod %s has seen its configuration change and was not replaced", first.Metadata.Name)
	}
	if _, err := s.helm(ctx, "rollback", name, "1", "--namespace", name, "--wait", "--timeout", "2m"); err != nil {
		return err
	}
	third, err := s.pod(ctx, name)
	if err != nil {
		return err
	}
	data, err := s.object(ctx, "configmaps", name, third.config())
	if err != nil {
		return err
	}
	if third.Metadata.Name == second.Metadata.Name || strings.Contains(string(data["keyrotator.yaml"]), "@every 2h") {
		return fmt.Errorf("after the rollback pod %s has the configuration of revision 2", third.Metadata.Name)
	}
	s.sayf("helm upgrade with another configuration replaced the pod, helm rollback brought the first one back")
	if _, err := s.helm(ctx, "uninstall", name, "--namespace", name, "--wait", "--timeout", "2m"); err != nil {
		return err
	}
	kept, err := s.kubectl(ctx, "", "get", "persistentvolumeclaims", "--namespace", name, "--output", "name")
	if err != nil {
		return err
	}
	if strings.Count(kept, "\n") != 1 {
		return fmt.Errorf("after helm uninstall these claims are left: %q, want the one of the journal", kept)
	}
	s.sayf("helm uninstall left the journal's claim")
	return nil
}

// readmeValues are the values in the README's section on Kubernetes.
func readmeValues() (string, error) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		return "", err
	}
	_, section, found := strings.Cut(string(text), "\n## On Kubernetes\n")
	_, block, found2 := strings.Cut(section, "```yaml\n")
	values, _, found3 := strings.Cut(block, "```")
	if !found || !found2 || !found3 {
		return "", fmt.Errorf("README.md has no section \"On Kubernetes\" with values in YAML")
	}
	return values, nil
}

// matrix installs the chart with every values file of its folder ci, each in a
// namespace of its own, and has the API server look at every object strictly.
func (s *stage) matrix(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(files) < 3 {
		return fmt.Errorf("want values to try in %s/ci: %d (%w)", chart, len(files), err)
	}
	if err := s.operator(ctx); err != nil {
		return err
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		if err := s.tryValues(ctx, name, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// operator makes known to the API server what the Prometheus operator adds.
func (s *stage) operator(ctx context.Context) error {
	for _, kind := range []string{"podmonitors", "prometheusrules", "servicemonitors"} {
		file := filepath.Join(s.tools, "crds", "monitoring.coreos.com_"+kind+".yaml")
		if _, err := s.kubectl(ctx, "", "apply", "--server-side", "--filename", file); err != nil {
			return err
		}
		if _, err := s.kubectl(ctx, "", "wait", "--for=condition=Established", "crd/"+kind+".monitoring.coreos.com"); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) tryValues(ctx context.Context, name, file string) error {
	// One of the files has an account of the reader's.
	if err := s.namespace(ctx, name); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, `{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "rotator", "namespace": "`+name+`"}}`, "apply", "-f", "-"); err != nil {
		return err
	}
	if err := s.install(ctx, name, "--values", file, "--set-string", "persistence.storageClass="); err != nil {
		return err
	}
	if _, err := s.helm(ctx, "uninstall", name, "--namespace", name, "--wait", "--timeout", "2m"); err != nil {
		return err
	}
	s.sayf("%s: valid to the API server in each field, installed, ready, and gone again", filepath.Base(file))
	return nil
}

// namespacesOf finds the namespaces that rendered objects are in: those that
// the configuration names have to exist.
func namespacesOf(rendered string) []string {
	found := map[string]bool{}
	var names []string
	for line := range strings.Lines(rendered) {
		name, is := strings.CutPrefix(strings.TrimSpace(line), "namespace: ")
		if name = strings.Trim(name, `"`); is && name != "" && !found[name] {
			found[name] = true
			names = append(names, name)
		}
	}
	return names
}

// release is a pod of a release.
type release struct{ pod.Spec }

// config names the ConfigMap that the pod mounts.
func (r release) config() string {
	for _, v := range r.Spec.Spec.Volumes {
		if v.Name == "config" && v.ConfigMap != nil {
			return v.ConfigMap.Name
		}
	}
	return ""
}

// pod is the one pod of the release in a namespace.
func (s *stage) pod(ctx context.Context, namespace string) (release, error) {
	out, err := s.kubectl(ctx, "", "get", "pods", "--namespace", namespace, "--selector", "app.kubernetes.io/name=keyrotator", "--output", "json")
	if err != nil {
		return release{}, err
	}
	var pods struct {
		Items []release `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &pods); err != nil {
		return release{}, err
	}
	if len(pods.Items) != 1 {
		return release{}, fmt.Errorf("namespace %s has %d pods of keyrotator, want one", namespace, len(pods.Items))
	}
	return pods.Items[0], nil
}

// object reads the data of a ConfigMap or a Secret.
func (s *stage) object(ctx context.Context, kind, namespace, name string) (map[string][]byte, error) {
	status, answer, err := s.cluster.Call(ctx, "GET", "/api/v1/namespaces/"+namespace+"/"+kind+"/"+name, nil)
	if err != nil || status != 200 {
		return nil, fmt.Errorf("read %s %s/%s: %d (%w)", kind, namespace, name, status, err)
	}
	if kind == "secrets" {
		var is struct {
			Data map[string][]byte `json:"data"`
		}
		err := json.Unmarshal(answer, &is)
		return is.Data, err
	}
	var is struct {
		Data map[string]string `json:"data"`
	}
	if err := json.Unmarshal(answer, &is); err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for name, text := range is.Data {
		data[name] = []byte(text)
	}
	return data, nil
}
