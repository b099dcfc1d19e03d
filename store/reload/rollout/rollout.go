// Package rollout makes workloads of a Kubernetes cluster take the credential
// that their Secret holds, by restarting their pods as their controllers do it:
// Deployments, StatefulSets and DaemonSets, named or found by the Secret that
// they use.
//
// A restart is an annotation in the workload's pod template,
// keyrotator.io/restarted-for, with the key's id as its value. The same key
// twice is therefore one rollout, whatever answer was lost. How the pods are
// replaced, and how many at a time, is the workload's own strategy.
//
// A rollout is complete when the controller has seen the template, every pod
// is of it and available, and none of the old ones is left.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

// Kind is how the configuration spells this kind of reload.
const Kind = "rollout"

// annotation says, in a pod template, for which key the pods were last
// restarted.
const annotation = "keyrotator.io/restarted-for"

// Options says what New needs to know.
type Options struct {
	// Cluster is where the workloads are.
	Cluster apiserver.Cluster
	// Namespace is the workloads'.
	Namespace string
	// Workloads are names such as "deployment/runner".
	Workloads []string
	// Secret adds every workload whose pods use the Secret of this name as a
	// volume or an environment. Empty adds none.
	Secret string
}

// Rollout restarts workloads. It is safe for concurrent use.
type Rollout struct {
	options   Options
	workloads []name
	client    apiserver.Client
}

// New makes a reload; it calls nothing and reads no kubeconfig yet.
func New(o Options) (*Rollout, error) {
	if o.Namespace == "" || len(o.Workloads) == 0 && o.Secret == "" {
		return nil, errors.New("make rollout: a namespace, and workloads or the Secret that they use, are required")
	}
	r := &Rollout{options: o, client: apiserver.New(o.Cluster)}
	for _, text := range o.Workloads {
		n, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("make rollout: %w", err)
		}
		r.workloads = append(r.workloads, n)
	}
	return r, nil
}

// Describe names what is restarted, such as "rollout:ci/deployment/runner". It
// is constant.
func (r *Rollout) Describe() string {
	var all []string
	for _, n := range r.workloads {
		all = append(all, n.String())
	}
	if r.options.Secret != "" {
		all = append(all, "users of secret "+r.options.Secret)
	}
	return Kind + ":" + r.options.Cluster.Locate(r.options.Namespace+"/"+strings.Join(all, ","))
}

// Reload begins a rollout of each workload that was not restarted for the key
// yet. When one cannot be restarted at all, none is. After an error, which may
// wrap store.ErrAmbiguous, the same call may be repeated.
func (r *Rollout) Reload(ctx context.Context, key string) error {
	all, err := r.look(ctx)
	if err != nil {
		return r.wrap("reload", err)
	}
	var failed []error
	for _, w := range all {
		failed = append(failed, w.obstacle())
	}
	if err := errors.Join(failed...); err != nil {
		return r.wrap("reload", err)
	}
	for _, w := range all {
		if w.template.Annotations[annotation] == key {
			continue
		}
		if err := r.restart(ctx, w.name, key); err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		return r.wrap("reload", err)
	}
	return nil
}

// Reloaded looks once at each workload. The detail says of each that is not
// done what is missing. A Deployment that has not moved on for longer than its
// own progressDeadlineSeconds is an error, though it may recover.
func (r *Rollout) Reloaded(ctx context.Context, key string) (done bool, detail string, err error) {
	all, err := r.look(ctx)
	if err != nil {
		return false, "", r.wrap("look after", err)
	}
	var missing []string
	var failed []error
	for _, w := range all {
		lacks, stuck := w.progress(key)
		if lacks != "" {
			missing = append(missing, w.name.String()+": "+lacks)
		}
		if stuck {
			failed = append(failed, fmt.Errorf("%s: %s", w.name, lacks))
		}
	}
	detail = strings.Join(missing, "; ")
	if err := errors.Join(failed...); err != nil {
		return false, detail, r.wrap("look after", err)
	}
	return len(missing) == 0, detail, nil
}

// Check verifies, and changes nothing: every named workload exists and can be
// restarted, and this program may do it. Each missing permission is named.
func (r *Rollout) Check(ctx context.Context) error {
	if err := r.client.Require(ctx, r.needed()); err != nil {
		return r.wrap("check", err)
	}
	all, err := r.look(ctx)
	if err != nil {
		return r.wrap("check", err)
	}
	var found []error
	for _, w := range all {
		found = append(found, w.obstacle())
	}
	if err := errors.Join(found...); err != nil {
		return r.wrap("check", err)
	}
	return nil
}

// needed lists the permissions. Which workloads use a Secret shows only when
// all are listed, and any of them may have to be restarted.
func (r *Rollout) needed() []apiserver.Access {
	var all []apiserver.Access
	if r.options.Secret != "" {
		for _, k := range kinds() {
			every := name{kind: k}
			all = append(all, apiserver.Access{Verb: "list", Object: r.object(every)}, apiserver.Access{Verb: "patch", Object: r.object(every)})
		}
	}
	for _, n := range r.workloads {
		all = append(all, apiserver.Access{Verb: "get", Object: r.object(n)})
		if r.options.Secret == "" {
			all = append(all, apiserver.Access{Verb: "patch", Object: r.object(n)})
		}
	}
	return all
}

func (r *Rollout) wrap(doing string, err error) error {
	return fmt.Errorf("%s %s: %w", doing, r.Describe(), err)
}
