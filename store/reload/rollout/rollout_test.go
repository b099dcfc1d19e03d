package rollout_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store/reload/rollout"
)

func TestEveryKindOfWorkloadIsRestartedOnceAKey(t *testing.T) {
	for _, x := range []struct {
		kind, resource, more string
		pods                 int
	}{
		{"deployment", "deployments", "", 2},
		{"statefulset", "statefulsets", "", 2},
		{"daemonset", "daemonsets", "", 1},
	} {
		t.Run(x.kind, func(t *testing.T) {
			w := newWorld(t)
			w.make(t, x.resource, "runner", x.more, pod)
			w.settled(t, x.resource, "runner")
			r := open(t, w.options(t, x.kind+"/runner"))
			if done, detail, err := r.Reloaded(t.Context(), first); done || err != nil || detail != x.kind+"/runner: was not restarted for "+first {
				t.Fatalf("before the reload: %v, %q, %v", done, detail, err)
			}
			for i, key := range []string{first, second, first} {
				before, generation := w.pods(t, "runner"), w.generation(t, x.resource, "runner")
				for range 3 {
					if err := r.Reload(t.Context(), key); err != nil {
						t.Fatal(err)
					}
				}
				finishes(t, r, key)
				if got := w.generation(t, x.resource, "runner"); got != generation+1 {
					t.Errorf("reload %d: generation %d became %d: not one rollout", i, generation, got)
				}
				after := w.pods(t, "runner")
				current := 0
				for name, of := range after {
					if of == key {
						current++
					}
					// The pods of a StatefulSet keep their names.
					if old, known := before[name]; known && old == of {
						t.Errorf("reload %d: pod %s is an old one", i, name)
					}
				}
				if current != x.pods {
					t.Errorf("reload %d: pods = %v, want %d for %s", i, after, x.pods, key)
				}
			}
		})
	}
}

func TestARolloutThatDoesNotGetOnIsNotDoneAndHeals(t *testing.T) {
	w := newWorld(t)
	w.make(t, "deployments", "runner", `"progressDeadlineSeconds": 2,`, pod)
	w.make(t, "statefulsets", "db", "", pod)
	w.make(t, "daemonsets", "agent", "", pod)
	for resource, name := range map[string]string{"deployments": "runner", "statefulsets": "db", "daemonsets": "agent"} {
		w.settled(t, resource, name)
	}
	all := open(t, w.options(t, "deployment/runner", "statefulset/db", "daemonset/agent"))
	if err := shared.Cluster(t).StopKubelet(); err != nil {
		t.Fatal(err)
	}
	running := false
	t.Cleanup(func() {
		if !running {
			_ = shared.Cluster(t).StartKubelet()
		}
	})
	if err := all.Reload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	var stuck error
	eventually(t, "the controller gives up", func() (bool, string) {
		done, detail, err := all.Reloaded(t.Context(), first)
		if done {
			t.Fatal("a rollout without a kubelet is done")
		}
		stuck = err
		return err != nil, detail
	})
	if !strings.Contains(stuck.Error(), "deployment/runner: is stuck: ProgressDeadlineExceeded: ") {
		t.Errorf("reloaded: %v", stuck)
	}
	done, detail, _ := all.Reloaded(t.Context(), first)
	for _, want := range []string{"deployment/runner: is stuck", "statefulset/db: ", "daemonset/agent: "} {
		if done || !strings.Contains(detail, want) {
			t.Errorf("detail = %v, %q, want %q in it", done, detail, want)
		}
	}
	running = true
	if err := shared.Cluster(t).StartKubelet(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rollout is done", func() (bool, string) {
		done, detail, _ := all.Reloaded(t.Context(), first) // stuck until the controller sees progress
		return done, detail
	})
}

func TestPodsThatNeverBecomeReadyAreNotDone(t *testing.T) {
	for strategy, want := range map[string]string{
		`"strategy": {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}},`: "2 old pods are left",
		`"strategy": {"type": "Recreate"},`:                                    "0 of 2 pods are available",
	} {
		t.Run(strategy, func(t *testing.T) {
			w := newWorld(t)
			w.make(t, "deployments", "runner", strategy, pod)
			w.settled(t, "deployments", "runner")
			// Pods of the next template find no node.
			shared.Do(t, http.MethodPatch, w.apps+"deployments/runner", `{"spec": {"template": {"spec": {"nodeSelector": {"none": "such"}}}}}`, nil)
			r := open(t, w.options(t, "deployment/runner"))
			if err := r.Reload(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			eventually(t, want, func() (bool, string) {
				done, detail, err := r.Reloaded(t.Context(), first)
				if done || err != nil {
					t.Fatalf("reloaded = %v, %q, %v", done, detail, err)
				}
				return strings.Contains(detail, want), detail
			})
		})
	}
}

func TestOldPodsThatShutDownStillUseTheOldKey(t *testing.T) {
	w := newWorld(t)
	w.make(t, "deployments", "runner", "", pod)
	w.settled(t, "deployments", "runner")
	held := w.pods(t, "runner")
	for name := range held {
		shared.Do(t, http.MethodPatch, w.pod(name), `{"metadata": {"finalizers": ["example.com/hold"]}}`, nil)
	}
	r := open(t, w.options(t, "deployment/runner"))
	if err := r.Reload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	eventually(t, "only the old pods are missing", func() (bool, string) {
		done, detail, err := r.Reloaded(t.Context(), first)
		if done || err != nil {
			t.Fatalf("reloaded = %v, %q, %v", done, detail, err)
		}
		return detail == "deployment/runner: 2 old pods are shutting down", detail
	})
	for name := range held {
		shared.Do(t, http.MethodPatch, w.pod(name), `{"metadata": {"finalizers": null}}`, nil)
	}
	finishes(t, r, first)
}

func TestAWorkloadWithoutPodsIsDone(t *testing.T) {
	w := newWorld(t)
	w.make(t, "deployments", "runner", `"replicas": 0,`, pod)
	w.make(t, "statefulsets", "db", `"replicas": 0,`, pod)
	w.make(t, "daemonsets", "agent", "", `{"nodeSelector": {"none": "such"}, "containers": [{"name": "main", "image": "example.com/main"}]}`)
	r := open(t, w.options(t, "deployment/runner", "statefulset/db", "daemonset/agent"))
	if err := r.Reload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	finishes(t, r, first)
}

func TestWhatWouldNotRestartEveryPodIsRefusedWithWhatToDo(t *testing.T) {
	for _, x := range []struct{ kind, resource, more, want string }{
		{"deployment", "deployments", `"paused": true,`, "is paused: it would restart nothing; resume it"},
		{"statefulset", "statefulsets", `"updateStrategy": {"type": "OnDelete"},`, "has update strategy OnDelete: its pods restart only when somebody deletes them; set RollingUpdate"},
		{"statefulset", "statefulsets", `"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},`, "has partition 1: its pods below that number keep what they run; set partition to 0"},
		{"daemonset", "daemonsets", `"updateStrategy": {"type": "OnDelete"},`, "has update strategy OnDelete"},
	} {
		t.Run(x.kind+" "+x.more, func(t *testing.T) {
			w := newWorld(t)
			w.make(t, "deployments", "good", "", pod)
			w.make(t, x.resource, "bad", x.more, pod)
			r := open(t, w.options(t, "deployment/good", x.kind+"/bad"))
			for what, err := range map[string]error{"check": r.Check(t.Context()), "reload": r.Reload(t.Context(), first)} {
				if err == nil || !strings.Contains(err.Error(), x.kind+"/bad "+x.want) || strings.Contains(err.Error(), "good has") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if got := w.generation(t, "deployments", "good"); got != 1 {
				t.Error("another workload was restarted all the same")
			}
		})
	}
	t.Run("and where it becomes so meanwhile, the detail tells", func(t *testing.T) {
		w := newWorld(t)
		w.make(t, "statefulsets", "db", "", pod)
		w.settled(t, "statefulsets", "db")
		shared.Do(t, http.MethodPatch, w.apps+"statefulsets/db", `{"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}},
			"template": {"metadata": {"annotations": {"keyrotator.io/restarted-for": "`+first+`"}}}}}`, nil)
		r := open(t, w.options(t, "statefulset/db"))
		eventually(t, "one pod is new, and no more", func() (bool, string) {
			done, detail, err := r.Reloaded(t.Context(), first)
			if done || err != nil {
				t.Fatalf("reloaded = %v, %q, %v", done, detail, err)
			}
			return strings.Contains(detail, "1 of 2 pods are new, and it has partition 1"), detail
		})
	})
}

func TestARestartThatIsTakenBackIsNotDone(t *testing.T) {
	w := newWorld(t)
	w.make(t, "deployments", "runner", "", pod)
	r := open(t, w.options(t, "deployment/runner"))
	if err := r.Reload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	finishes(t, r, first)
	shared.Do(t, http.MethodPatch, w.apps+"deployments/runner", `{"spec": {"template": {"metadata": {"annotations": {"keyrotator.io/restarted-for": null}}}}}`, nil)
	if done, detail, err := r.Reloaded(t.Context(), first); done || err != nil || !strings.Contains(detail, "was not restarted for "+first) {
		t.Errorf("reloaded = %v, %q, %v", done, detail, err)
	}
}

func TestADescriptionNamesWhatIsRestarted(t *testing.T) {
	for want, o := range map[string]rollout.Options{
		"rollout:ci/deployment/runner,daemonset/agent": {Namespace: "ci", Workloads: []string{"deployment/runner", "daemonset/agent"}},
		"rollout:ci/users of secret aws":               {Namespace: "ci", Secret: "aws"},
	} {
		if got := open(t, o).Describe(); got != want {
			t.Errorf("describe = %q, want %q", got, want)
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, o := range map[string]rollout.Options{
		"no namespace":      {Workloads: []string{"deployment/x"}},
		"nothing":           {Namespace: "ci"},
		"an unknown kind":   {Namespace: "ci", Workloads: []string{"cronjob/x"}},
		"no name":           {Namespace: "ci", Workloads: []string{"deployment/"}},
		"no kind":           {Namespace: "ci", Workloads: []string{"runner"}},
		"a path for a name": {Namespace: "ci", Workloads: []string{"deployment/a/scale"}},
	} {
		if _, err := rollout.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzAWorkloadIsReadAsItIsWritten(f *testing.F) {
	for _, text := range []string{"deployment/runner", "statefulset/", "daemonset/a/b", "", "/", "job/x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rollout.New(rollout.Options{Namespace: "ci", Workloads: []string{text}})
		if err == nil && r.Describe() != "rollout:ci/"+text {
			t.Errorf("%q is described as %q", text, r.Describe())
		}
	})
}
