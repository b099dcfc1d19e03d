package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"

	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

func (r *Rollout) object(n name) apiserver.Object {
	return apiserver.Object{Group: "apps", Version: "v1", Resource: n.kind.resource(), Namespace: r.options.Namespace, Name: n.name}
}

// look reads every workload once: those that are named, in their order, and
// then those that use the Secret.
func (r *Rollout) look(ctx context.Context) ([]workload, error) {
	var all []workload
	for _, n := range r.workloads {
		w, err := r.get(ctx, n)
		if errors.Is(err, apiserver.ErrMissing) {
			return nil, fmt.Errorf("%s does not exist in namespace %s; name one that does, or take it out", n, r.options.Namespace)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	if r.options.Secret == "" {
		return all, nil
	}
	users, err := r.users(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range users {
		if !slices.Contains(r.workloads, w.name) {
			all = append(all, w)
		}
	}
	return all, nil
}

func (r *Rollout) get(ctx context.Context, n name) (workload, error) {
	switch n.kind {
	case statefulSet:
		var s apps.StatefulSet
		err := r.client.Get(ctx, r.object(n), &s)
		return ofStatefulSet(s), err
	case daemonSet:
		var d apps.DaemonSet
		err := r.client.Get(ctx, r.object(n), &d)
		return ofDaemonSet(d), err
	default:
		var d apps.Deployment
		err := r.client.Get(ctx, r.object(n), &d)
		return ofDeployment(d), err
	}
}

// users lists the workloads of the namespace whose pods use the Secret.
func (r *Rollout) users(ctx context.Context) ([]workload, error) {
	var deployments apps.DeploymentList
	var statefulSets apps.StatefulSetList
	var daemonSets apps.DaemonSetList
	for _, list := range []struct {
		kind kind
		into any
	}{{deployment, &deployments}, {statefulSet, &statefulSets}, {daemonSet, &daemonSets}} {
		if err := r.client.Get(ctx, r.object(name{kind: list.kind}), list.into); err != nil {
			return nil, err
		}
	}
	var all []workload
	for _, d := range deployments.Items {
		all = append(all, ofDeployment(d))
	}
	for _, s := range statefulSets.Items {
		all = append(all, ofStatefulSet(s))
	}
	for _, d := range daemonSets.Items {
		all = append(all, ofDaemonSet(d))
	}
	return slices.DeleteFunc(all, func(w workload) bool { return !uses(w.template.Spec, r.options.Secret) }), nil
}

// restart sends a merge patch: it touches one annotation, and unlike applying
// it can never make a workload. The patch for a key that is there already
// changes nothing, and then no pod restarts.
func (r *Rollout) restart(ctx context.Context, n name, key string) error {
	type object = map[string]any
	patch := object{"spec": object{"template": object{"metadata": object{"annotations": object{annotation: key}}}}}
	var answer object
	return r.client.Write(ctx, r.object(n), apiserver.Apply{Merge: true}, patch, &answer)
}
