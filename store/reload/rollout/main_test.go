package rollout_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/cluster"
	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
	"github.com/keyrotator/keyrotator/store/reload/rollout"
)

// shared is a real cluster with its controllers and a node.
var shared = cluster.Shared{Options: cluster.Options{Pods: true}}

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

const (
	first  = "AKIAFIRST"
	second = "AKIASECOND"
)

// world is a namespace with workloads in it.
type world struct {
	namespace string
	apps      string // the path of its workloads
}

func newWorld(t *testing.T) world {
	t.Helper()
	namespace := shared.Namespace(t)
	return world{namespace, "/apis/apps/v1/namespaces/" + namespace + "/"}
}

// pod is the spec of a pod that no Secret is in, for template below.
const pod = `{"containers": [{"name": "main", "image": "example.com/main"}]}`

// make makes a workload of two pods, or of one pod a node. More is fields of
// its spec, such as `"paused": true,`.
func (w world) make(t *testing.T, resource, name, more, podSpec string) {
	t.Helper()
	if resource != "daemonsets" && !strings.Contains(more, `"replicas"`) {
		more += `"replicas": 2,`
	}
	shared.Do(t, http.MethodPost, w.apps+resource, fmt.Sprintf(`{"metadata": {"name": %q}, "spec": {%s
		"selector": {"matchLabels": {"app": %q}},
		"template": {"metadata": {"labels": {"app": %q}}, "spec": %s}}}`, name, more, name, name, podSpec), nil)
}

// options are those of a rollout for an administrator.
func (w world) options(t *testing.T, workloads ...string) rollout.Options {
	t.Helper()
	return rollout.Options{Cluster: apiserver.Cluster{Kubeconfig: shared.Kubeconfig(t, "")}, Namespace: w.namespace, Workloads: workloads}
}

func open(t *testing.T, o rollout.Options) *rollout.Rollout {
	t.Helper()
	r, err := rollout.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled waits until all pods of a workload that was just made are there, for
// what was never restarted would count as not done.
func (w world) settled(t *testing.T, resource, name string) {
	t.Helper()
	var is struct {
		Spec   struct{ Replicas int } `json:"spec"`
		Status struct {
			AvailableReplicas, NumberAvailable int
		} `json:"status"`
	}
	eventually(t, name+" has its pods", func() (bool, string) {
		shared.Do(t, http.MethodGet, w.apps+resource+"/"+name, nil, &is)
		return is.Status.AvailableReplicas+is.Status.NumberAvailable == max(is.Spec.Replicas, 1), fmt.Sprintf("%+v", is)
	})
}

// finishes waits until a rollout is done for the key.
func finishes(t *testing.T, r *rollout.Rollout, key string) {
	t.Helper()
	eventually(t, r.Describe()+" is done for "+key, func() (bool, string) {
		done, detail, err := r.Reloaded(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return done, detail
	})
}

// eventually looks again and again until the answer is yes. Its limit is for a
// test that would otherwise hang, and far above what anything takes.
func eventually(t *testing.T, what string, yes func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, detail := yes()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not yet: %s", what, detail)
		}
	}
}

// generation counts the changes of a workload's spec.
func (w world) generation(t *testing.T, resource, name string) int {
	t.Helper()
	var is struct {
		Metadata struct{ Generation int } `json:"metadata"`
	}
	shared.Do(t, http.MethodGet, w.apps+resource+"/"+name, nil, &is)
	return is.Metadata.Generation
}

// pod is the path of a pod.
func (w world) pod(name string) string {
	return "/api/v1/namespaces/" + w.namespace + "/pods/" + name
}

// pods lists the keys for which the pods of a workload were started, by pod.
func (w world) pods(t *testing.T, name string) map[string]string {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct {
				Name        string
				Annotations map[string]string
			} `json:"metadata"`
		} `json:"items"`
	}
	shared.Do(t, http.MethodGet, "/api/v1/namespaces/"+w.namespace+"/pods?labelSelector=app="+name, nil, &list)
	all := map[string]string{}
	for _, item := range list.Items {
		all[item.Metadata.Name] = item.Metadata.Annotations["keyrotator.io/restarted-for"]
	}
	return all
}
