package rollout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// The audit log is the witness, as for the store.
func TestTheLeastPermissionsSufficeAndNothingElseIsAskedFor(t *testing.T) {
	const named = `[{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["runner"], "verbs": ["get", "patch"]},
		{"apiGroups": ["apps"], "resources": ["daemonsets"], "resourceNames": ["agent"], "verbs": ["get", "patch"]}]`
	const mounted = `[{"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"], "verbs": ["list", "patch"]}]`
	for _, x := range []struct {
		name, rules string
		workloads   []string
		secret      string
		want        []string
	}{
		{"for workloads that are named", named, []string{"deployment/runner", "daemonset/agent"}, "", []string{
			"create selfsubjectaccessreviews", "get daemonsets agent", "get deployments runner", "patch daemonsets agent", "patch deployments runner",
		}},
		{"for those that use a Secret", mounted, nil, "aws", []string{
			"create selfsubjectaccessreviews", "list daemonsets", "list deployments", "list statefulsets", "patch deployments runner",
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			w.make(t, "deployments", "runner", "", podWith(`"envFrom": [{"secretRef": {"name": "aws"}}]`, ""))
			w.make(t, "deployments", "other", "", pod)
			w.make(t, "daemonsets", "agent", "", pod)
			token, user := shared.Account(t, w.namespace, "keyrotator", x.rules)
			o := w.options(t, x.workloads...)
			o.Cluster.Kubeconfig, o.Secret = shared.Kubeconfig(t, token), x.secret
			r := open(t, o)
			if err := r.Check(t.Context()); err != nil {
				t.Errorf("check: %v", err)
			}
			for _, key := range []string{first, second, second} {
				if err := r.Reload(t.Context(), key); err != nil {
					t.Fatalf("reload: %v", err)
				}
				finishes(t, r, key)
			}
			requests, err := shared.Cluster(t).Audit(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			var seen []string
			for _, request := range requests {
				if request.Status.Code >= 300 || request.Agent != "keyrotator" || request.Resource.Namespace != w.namespace && request.Resource.Resource != "selfsubjectaccessreviews" {
					t.Errorf("the rollout asked for %s", request)
				}
				what := request.Verb + " " + request.Resource.Resource
				if request.Resource.Name != "" {
					what += " " + request.Resource.Name
				}
				seen = append(seen, what)
			}
			if got := slices.Compact(slices.Sorted(slices.Values(seen))); !slices.Equal(got, x.want) {
				t.Errorf("the audit log has %q, want %q", got, x.want)
			}
		})
	}
}

func TestACheckNamesEachMissingPermissionAndWorkload(t *testing.T) {
	w := newWorld(t)
	w.make(t, "deployments", "runner", "", pod)
	token, _ := shared.Account(t, w.namespace, "keyrotator", `[{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["runner"], "verbs": ["get"]}]`)
	o := w.options(t, "deployment/runner", "statefulset/db")
	o.Cluster.Kubeconfig = shared.Kubeconfig(t, token)
	err := open(t, o).Check(t.Context())
	for _, want := range []string{
		"patch deployments.apps runner in namespace " + w.namespace, "get statefulsets.apps db", "patch statefulsets.apps db",
		`{apiGroups: ["apps"], resources: [deployments], resourceNames: [runner], verbs: [patch]}`,
		`{apiGroups: ["apps"], resources: [statefulsets], resourceNames: [db], verbs: [get, patch]}`,
	} {
		if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), want) {
			t.Errorf("check: %v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "get deployments.apps") {
		t.Errorf("check names what is allowed: %v", err)
	}
	o.Secret = "aws"
	err = open(t, o).Check(t.Context())
	for _, want := range []string{"list deployments.apps in namespace", "list statefulsets.apps", "patch daemonsets.apps in namespace"} {
		if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), want) {
			t.Errorf("check of who uses the Secret: %v, want %q in it", err, want)
		}
	}
	if err := open(t, w.options(t, "deployment/runner", "statefulset/db")).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "statefulset/db does not exist in namespace "+w.namespace) {
		t.Errorf("check of what is not there: %v", err)
	}
}
