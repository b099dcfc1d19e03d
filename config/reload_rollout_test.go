package config

import (
	"reflect"
	"strings"
	"testing"
)

// rolloutOf reads a store and a rollout as a consumer has them, and checks the
// rollout.
func rolloutOf(t *testing.T, text string) (Rollout, string) {
	t.Helper()
	var consumer struct {
		Store   Store   `yaml:"store"`
		Rollout Rollout `yaml:"rollout"`
	}
	src := newSource("rollout.yaml", []byte(text))
	node, ok := src.readYAML([]byte(text))
	if !ok {
		t.Fatal("no YAML")
	}
	(&decoder{source: src, env: testEnv()}).decode(node, reflect.ValueOf(&consumer).Elem(), field{}, "")
	r := consumer.Rollout
	r.complete(nil, User{}, Consumer{Store: consumer.Store})
	r.check(&checker{source: src, cfg: &Config{}}, "rollout")
	if len(src.findings) == 0 {
		return r, ""
	}
	return r, (&Error{Findings: sortFindings(src.findings)}).Error()
}

const besideASecret = "store: {kubernetes: {namespace: ci, secret: aws, kubeconfig: /k, context: prod}}\n"

func TestARolloutTakesOverWhatTheStoreSays(t *testing.T) {
	for name, x := range map[string]struct {
		text   string
		want   Rollout
		secret string
	}{
		"everything":           {besideASecret + "rollout: {workloads: [deployment/runner]}", Rollout{Workloads: []string{"deployment/runner"}, Namespace: "ci", Cluster: Cluster{"/k", "prod"}}, ""},
		"the Secret's users":   {besideASecret + "rollout: {mounted: true}", Rollout{Mounted: true, Namespace: "ci", Cluster: Cluster{"/k", "prod"}}, "aws"},
		"but not a namespace":  {besideASecret + "rollout: {workloads: [daemonset/a], namespace: other}", Rollout{Workloads: []string{"daemonset/a"}, Namespace: "other", Cluster: Cluster{"/k", "prod"}}, ""},
		"nor another cluster":  {besideASecret + "rollout: {workloads: [statefulset/a.b], kubeconfig: /other}", Rollout{Workloads: []string{"statefulset/a.b"}, Namespace: "ci", Cluster: Cluster{"/other", ""}}, ""},
		"nothing of a file":    {"store: {file: {path: /a}}\nrollout: {workloads: [deployment/runner], namespace: ci}", Rollout{Workloads: []string{"deployment/runner"}, Namespace: "ci"}, ""},
		"both ways of finding": {besideASecret + "rollout: {workloads: [deployment/runner], mounted: true}", Rollout{Workloads: []string{"deployment/runner"}, Mounted: true, Namespace: "ci", Cluster: Cluster{"/k", "prod"}}, "aws"},
	} {
		r, refused := rolloutOf(t, x.text)
		if refused != "" || r.Secret() != x.secret {
			t.Errorf("%s: secret %q, %s", name, r.Secret(), refused)
		}
		r.of = nil
		if !reflect.DeepEqual(r, x.want) {
			t.Errorf("%s: %+v, want %+v", name, r, x.want)
		}
	}
}

func TestARolloutThatCannotBeRightIsRefused(t *testing.T) {
	const besideAFile = "store: {file: {path: /a}}\n"
	for text, want := range map[string]string{
		besideASecret + "rollout: {}":                                                                      "restarts nothing",
		besideASecret + "rollout: {workloads: []}":                                                         "restarts nothing",
		besideASecret + "rollout: {mounted: false}":                                                        "restarts nothing",
		besideASecret + "rollout: {workloads: [runner]}":                                                   `"runner" is not deployment/NAME, statefulset/NAME or daemonset/NAME`,
		besideASecret + "rollout: {workloads: [cronjob/x]}":                                                `"cronjob/x" is not`,
		besideASecret + "rollout: {workloads: [deployment/A]}":                                             `"deployment/A" is not`,
		besideASecret + "rollout: {workloads: [deployment/a, deployment/a]}":                               "is workloads[0] already",
		besideASecret + "rollout: {workloads: [deployment/a], namespace: a.b}":                             `"a.b" is not a namespace's name`,
		besideASecret + "rollout: {mounted: true, namespace: other}":                                       "the store's Secret is in namespace ci",
		besideASecret + "rollout: {mounted: true, kubeconfig: /other}":                                     "the store's Secret is in another cluster",
		besideASecret + "rollout: {workloads: [deployment/a], kubeconfig: k}":                              `"k" is not an absolute path`,
		besideAFile + "rollout: {workloads: [deployment/a]}":                                               "needs a namespace",
		besideAFile + "rollout: {workloads: [deployment/a], namespace: ci, context: x}":                    "has no use without kubeconfig",
		besideAFile + "rollout: {workloads: [deployment/a], namespace: ci, kubeconfig: /k, context: \"\"}": "is empty",
		besideAFile + "rollout: {mounted: true, namespace: ci}":                                            "needs a kubernetes store",
	} {
		if _, refused := rolloutOf(t, text); !strings.Contains(refused, want) {
			t.Errorf("%s\nis refused with %q, want %q in it", text, refused, want)
		} else if strings.Count(refused, "rollout.yaml:") != 1 {
			t.Errorf("%s\nis refused for more than one reason: %s", text, refused)
		}
	}
}
