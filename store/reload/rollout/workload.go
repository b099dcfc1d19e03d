package rollout

import (
	"errors"
	"fmt"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// kind is a kind of workload, spelt as kubectl does.
type kind string

const (
	deployment  kind = "deployment"
	statefulSet kind = "statefulset"
	daemonSet   kind = "daemonset"
)

func kinds() []kind { return []kind{deployment, statefulSet, daemonSet} }

// resource is the kind's plural in the API.
func (k kind) resource() string { return string(k) + "s" }

// name is a workload's.
type name struct {
	kind kind
	name string
}

func (n name) String() string { return string(n.kind) + "/" + n.name }

// parse reads a name such as "deployment/runner".
func parse(text string) (name, error) {
	before, after, _ := strings.Cut(text, "/")
	for _, k := range kinds() {
		if string(k) == before && after != "" && !strings.Contains(after, "/") {
			return name{k, after}, nil
		}
	}
	return name{}, fmt.Errorf("%q is no workload: want deployment/NAME, statefulset/NAME or daemonset/NAME", text)
}

// workload is what the three kinds have in common, as it was at one moment.
type workload struct {
	name     name
	template core.PodTemplateSpec
	// generation counts changes of what is wanted; observed is the one that the
	// controller has acted upon.
	generation, observed int64
	// wanted, updated and available count pods: those there are to be, those of
	// the new template, and those that are ready for long enough.
	wanted, updated, available int32
	// pods counts all that there are, old ones among them; ending counts those
	// that are shutting down, where the controller tells.
	pods, ending int32
	// refused says why a restart would not reach every pod.
	refused string
	// stuck is what the controller says when it has given up waiting.
	stuck string
	// trouble is what else the controller says, for people.
	trouble string
}

// obstacle is why the workload cannot be restarted, nil for no reason.
func (w workload) obstacle() error {
	if w.refused == "" {
		return nil
	}
	return errors.New(w.name.String() + " " + w.refused)
}

// progress says what is missing until the workload runs for the key, nothing
// when it does, and whether its controller has given up waiting.
//
// The order is that of kubectl's rollout status: nothing that a controller says
// counts before it has seen the change.
func (w workload) progress(key string) (lacks string, stuck bool) {
	switch {
	case w.template.Annotations[annotation] != key:
		return "was not restarted for " + key, false
	case w.observed < w.generation:
		return "its controller has not seen the restart yet", false
	case w.stuck != "":
		return "is stuck: " + w.stuck + w.trouble, true
	case w.updated < w.wanted:
		lacks = fmt.Sprintf("%d of %d pods are new", w.updated, w.wanted)
	case w.pods > w.updated:
		lacks = fmt.Sprintf("%d old pods are left", w.pods-w.updated)
	case w.available < w.wanted:
		lacks = fmt.Sprintf("%d of %d pods are available", w.available, w.wanted)
	case w.ending > 0:
		lacks = fmt.Sprintf("%d old pods are shutting down", w.ending)
	default:
		return "", false
	}
	if w.refused != "" {
		lacks += ", and it " + w.refused
	}
	return lacks + w.trouble, false
}

func ofDeployment(d apps.Deployment) workload {
	w := workload{
		name: name{deployment, d.Name}, template: d.Spec.Template,
		generation: d.Generation, observed: d.Status.ObservedGeneration,
		wanted: count(d.Spec.Replicas), updated: d.Status.UpdatedReplicas, available: d.Status.AvailableReplicas,
		pods: d.Status.Replicas,
	}
	if d.Status.TerminatingReplicas != nil {
		w.ending = *d.Status.TerminatingReplicas
	}
	if d.Spec.Paused {
		w.refused = "is paused: it would restart nothing; resume it (kubectl rollout resume)"
	}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == apps.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded":
			w.stuck = c.Reason + ": " + c.Message
		case c.Type == apps.DeploymentReplicaFailure && c.Status == core.ConditionTrue:
			w.trouble = " (" + c.Reason + ": " + c.Message + ")"
		}
	}
	return w
}

func ofStatefulSet(s apps.StatefulSet) workload {
	w := workload{
		name: name{statefulSet, s.Name}, template: s.Spec.Template,
		generation: s.Generation, observed: s.Status.ObservedGeneration,
		wanted: count(s.Spec.Replicas), updated: s.Status.UpdatedReplicas, available: s.Status.AvailableReplicas,
		pods: s.Status.Replicas,
	}
	strategy := s.Spec.UpdateStrategy
	switch {
	case strategy.Type == apps.OnDeleteStatefulSetStrategyType:
		w.refused = "has update strategy OnDelete: its pods restart only when somebody deletes them; set RollingUpdate, or restart it by exec"
	case strategy.RollingUpdate != nil && strategy.RollingUpdate.Partition != nil && *strategy.RollingUpdate.Partition > 0:
		w.refused = fmt.Sprintf("has partition %d: its pods below that number keep what they run; set partition to 0", *strategy.RollingUpdate.Partition)
	}
	return w
}

func ofDaemonSet(d apps.DaemonSet) workload {
	w := workload{
		name: name{daemonSet, d.Name}, template: d.Spec.Template,
		generation: d.Generation, observed: d.Status.ObservedGeneration,
		wanted: d.Status.DesiredNumberScheduled, updated: d.Status.UpdatedNumberScheduled, available: d.Status.NumberAvailable,
	}
	w.pods = max(d.Status.CurrentNumberScheduled, w.updated)
	if d.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType {
		w.refused = "has update strategy OnDelete: its pods restart only when somebody deletes them; set RollingUpdate, or restart it by exec"
	}
	return w
}

// count is a number of replicas; the API's default is one.
func count(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}
