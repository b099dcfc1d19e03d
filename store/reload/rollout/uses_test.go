package rollout_test

import (
	"errors"
	"fmt"
	"testing"
)

// podWith is a pod spec whose one container, and the pod itself, have more
// fields.
func podWith(container, more string) string {
	if container != "" {
		container = ", " + container
	}
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf(`{"containers": [{"name": "main", "image": "example.com/main"%s}]%s}`, container, more)
}

func TestWhoeverUsesTheSecretIsRestarted(t *testing.T) {
	const ref = `{"name": "aws"}`
	users := map[string]string{
		"volume":       podWith("", `"volumes": [{"name": "v", "secret": {"secretName": "aws"}}]`),
		"projected":    podWith("", `"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "aws"}}, {"secret": `+ref+`}]}}]`),
		"env-from":     podWith(`"envFrom": [{"secretRef": `+ref+`}]`, ""),
		"env":          podWith(`"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "AWS_ACCESS_KEY_ID"}}}]`, ""),
		"init-env":     podWith("", `"initContainers": [{"name": "init", "image": "example.com/init", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "A"}}}]}]`),
		"init-env-all": podWith("", `"initContainers": [{"name": "init", "image": "example.com/init", "envFrom": [{"secretRef": `+ref+`}]}]`),
	}
	others := map[string]string{
		"no-secret":      pod,
		"another-secret": podWith(`"envFrom": [{"secretRef": {"name": "aws-2"}}]`, `"volumes": [{"name": "v", "secret": {"secretName": "other"}}, {"name": "w", "projected": {"sources": [{"secret": {"name": "other"}}]}}]`),
		"config-map":     podWith(`"envFrom": [{"configMapRef": {"name": "aws"}}]`, `"volumes": [{"name": "v", "configMap": {"name": "aws"}}]`),
		"pulls-with-it":  podWith("", `"imagePullSecrets": [`+ref+`]`),
	}
	w := newWorld(t)
	for name, spec := range users {
		w.make(t, "deployments", name, `"replicas": 1,`, spec)
	}
	for name, spec := range others {
		w.make(t, "deployments", name, `"replicas": 1,`, spec)
	}
	w.make(t, "statefulsets", "db", "", users["volume"])
	w.make(t, "daemonsets", "agent", "", users["env"])
	w.make(t, "daemonsets", "named", "", pod)
	elsewhere := newWorld(t)
	elsewhere.make(t, "deployments", "volume", "", users["volume"])

	o := w.options(t, "daemonset/named", "deployment/env") // one of them by both ways
	o.Secret = "aws"
	r := open(t, o)
	if err := r.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := r.Reload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	finishes(t, r, first)
	for name := range users {
		if got := w.generation(t, "deployments", name); got != 2 {
			t.Errorf("%s uses the Secret and was restarted %d times", name, got-1)
		}
	}
	for name := range others {
		if got := w.generation(t, "deployments", name); got != 1 {
			t.Errorf("%s does not use the Secret and was restarted", name)
		}
	}
	for resource, name := range map[string]string{"statefulsets": "db", "daemonsets": "agent"} {
		if got := w.generation(t, resource, name); got != 2 {
			t.Errorf("%s uses the Secret and was not restarted", name)
		}
	}
	if w.generation(t, "daemonsets", "named") != 2 || elsewhere.generation(t, "deployments", "volume") != 1 {
		t.Error("what is named was left out, or another namespace touched")
	}
	// One that comes later has to be restarted, too: nobody knows what it read.
	w.make(t, "deployments", "late", `"replicas": 1,`, users["volume"])
	if done, detail, err := r.Reloaded(t.Context(), first); done || err != nil || detail != "deployment/late: was not restarted for "+first {
		t.Errorf("with a late one: %v, %q, %v", done, detail, err)
	}
	if err := r.Reload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	finishes(t, r, first)
}

func TestWhereNobodyUsesTheSecretThereIsNothingToDo(t *testing.T) {
	o := newWorld(t).options(t)
	o.Secret = "aws"
	r := open(t, o)
	if err := errors.Join(r.Check(t.Context()), r.Reload(t.Context(), first)); err != nil {
		t.Error(err)
	}
	if done, detail, err := r.Reloaded(t.Context(), first); !done || detail != "" || err != nil {
		t.Errorf("reloaded = %v, %q, %v", done, detail, err)
	}
}
