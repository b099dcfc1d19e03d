package charts_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/config"
)

// permission is one verb on one object; without a name on all of them.
type permission struct{ namespace, resource, name, verb string }

// needed are the permissions of a configuration, as docs/stores/kubernetes.md and
// docs/reloads/rollout.md have them, of the program's own reading of it.
func needed(cfg *config.Config) map[permission]bool {
	all := map[permission]bool{}
	for _, user := range cfg.Users {
		for _, consumer := range user.Consumers {
			if s := consumer.Store.Kubernetes; s != nil && s.Cluster == (config.Cluster{}) {
				all[permission{s.Namespace, "secrets", s.Secret, "get"}] = true
				all[permission{s.Namespace, "secrets", s.Secret, "patch"}] = true
				if s.Create {
					all[permission{s.Namespace, "secrets", s.Secret, "create"}] = true
				}
			}
			if consumer.Reload == nil || consumer.Reload.Rollout == nil || consumer.Reload.Rollout.Cluster != (config.Cluster{}) {
				continue
			}
			r := consumer.Reload.Rollout
			for _, workload := range r.Workloads {
				kind, name, _ := strings.Cut(workload, "/")
				all[permission{r.Namespace, kind + "s", name, "get"}] = true
				all[permission{r.Namespace, kind + "s", name, "patch"}] = true
			}
			for _, resource := range []string{"deployments", "statefulsets", "daemonsets"} {
				if r.Mounted {
					all[permission{r.Namespace, resource, "", "list"}] = true
					all[permission{r.Namespace, resource, "", "patch"}] = true
				}
			}
		}
	}
	return all
}

// granted are the permissions that what was rendered gives to the account of its
// Deployment. Whatever is not understood fails the test.
func granted(t *testing.T, all []object) map[permission]bool {
	t.Helper()
	account := at(find(t, all, "Deployment"), "spec", "template", "spec", "serviceAccountName")
	roles := map[string]object{}
	permissions := map[permission]bool{}
	for _, o := range all {
		key := fmt.Sprint(at(o, "metadata", "namespace"), "/", at(o, "metadata", "name"))
		switch o["kind"] {
		case "ClusterRole", "ClusterRoleBinding":
			t.Errorf("the chart makes a %v", o["kind"])
		case "Role":
			roles[key] = o
		case "RoleBinding":
			want := []any{object{"kind": "ServiceAccount", "name": account, "namespace": "security"}}
			if !reflect.DeepEqual(o["subjects"], want) || at(o, "roleRef", "kind") != "Role" {
				t.Errorf("the RoleBinding %s is for %v and to %v", key, o["subjects"], o["roleRef"])
			}
			if role := fmt.Sprint(at(o, "metadata", "namespace"), "/", at(o, "roleRef", "name")); roles[role] == nil {
				t.Errorf("the RoleBinding %s is to no Role that came before", key)
			}
		}
	}
	for _, role := range roles {
		for _, rule := range role["rules"].([]any) {
			for _, resource := range texts(at(rule, "resources")) {
				if group := map[bool]string{true: "", false: "apps"}[resource == "secrets"]; !slices.Equal(texts(at(rule, "apiGroups")), []string{group}) {
					t.Errorf("%s are of the API group %v", resource, at(rule, "apiGroups"))
				}
				names := texts(at(rule, "resourceNames"))
				if names == nil {
					names = []string{""}
				}
				for _, name := range names {
					for _, verb := range texts(at(rule, "verbs")) {
						permissions[permission{fmt.Sprint(at(role, "metadata", "namespace")), resource, name, verb}] = true
					}
				}
			}
		}
	}
	return permissions
}

func texts(value any) []string {
	list, _ := value.([]any)
	var all []string
	for _, v := range list {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

func TestRolesGrantWhatTheConfigurationNeedsAndNothingElse(t *testing.T) {
	total := 0
	for name, file := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			all := objects(t, file)
			cfg, err := config.Parse(name, []byte(configuration(t, all)), everything)
			if err != nil {
				t.Fatal(err)
			}
			want, got := needed(cfg), granted(t, all)
			if name == "extras" { // rbac.create: false
				want = map[permission]bool{}
			}
			total += len(want)
			if !maps.Equal(got, want) {
				t.Errorf("granted:\n%s\nneeded:\n%s", list(got), list(want))
			}
		})
	}
	if total < 20 {
		t.Errorf("the values files need only %d permissions: they test too little", total)
	}
}

func list(permissions map[permission]bool) string {
	var lines []string
	for p := range permissions {
		lines = append(lines, fmt.Sprintf("  %+v", p))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Nothing in the pod needs the token of the service account but these.
func TestTheTokenIsMountedOnlyWhereItIsUsed(t *testing.T) {
	for name, want := range map[string]bool{"minimal": true, "sqlite": false, "postgres": true, "namespaces": true, "vault": true, "extras": true} {
		pod := at(find(t, objects(t, valuesFiles(t)[name]), "Deployment"), "spec", "template", "spec")
		if got := at(pod, "automountServiceAccountToken"); got != want {
			t.Errorf("%s: automountServiceAccountToken is %v, want %v", name, got, want)
		}
	}
}
