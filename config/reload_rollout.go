package config

import "fmt"

// Rollout restarts workloads of a Kubernetes cluster. Beside a kubernetes store
// it is about that store's cluster and namespace.
type Rollout struct {
	Workloads []string `yaml:"workloads" doc:"What to restart: deployment/NAME, statefulset/NAME or daemonset/NAME."`
	Mounted   bool     `yaml:"mounted" doc:"Restart every Deployment, StatefulSet and DaemonSet of the namespace whose pods use the store's Secret, as a volume or as an environment."`
	Namespace string   `yaml:"namespace" doc:"The workloads' namespace; by default that of the consumer's kubernetes store."`
	Cluster   `yaml:",inline"`

	// of is the store whose Secret the workloads may use, nil for another kind.
	of *Kubernetes
}

// Secret names the Secret whose users are restarted, empty unless mounted is
// set.
func (r *Rollout) Secret() string {
	if !r.Mounted || r.of == nil {
		return ""
	}
	return r.of.Secret
}

// complete takes over what the consumer's store says.
func (r *Rollout) complete(_ *Config, _ User, of Consumer) {
	r.of = of.Store.Kubernetes
	if r.of == nil {
		return
	}
	if r.Cluster == (Cluster{}) {
		r.Cluster = r.of.Cluster
	}
	if r.Namespace == "" {
		r.Namespace = r.of.Namespace
	}
}

func (r *Rollout) check(c *checker, path string) {
	c.cluster(path, r.Cluster)
	at := path + ".namespace"
	switch {
	case c.given(at):
		c.match(at, r.Namespace, clusterLabel, "a namespace's name (lower case letters, digits and hyphens, 63 at most)")
	case r.of == nil && c.usable(at):
		c.failKey(path, "needs a namespace", "the consumer's store is no Kubernetes Secret, which would tell it: add namespace: NAME")
	}
	seen := map[string]int{}
	for i, workload := range r.Workloads {
		at := fmt.Sprintf("%s.workloads[%d]", path, i)
		if !c.match(at, workload, clusterWorkload, "deployment/NAME, statefulset/NAME or daemonset/NAME") {
			continue
		}
		if first, taken := seen[workload]; taken {
			c.fail(at, fmt.Sprintf("%q is workloads[%d] already", workload, first), "")
			continue
		}
		seen[workload] = i
	}
	r.checkMounted(c, path)
}

func (r *Rollout) checkMounted(c *checker, path string) {
	at := path + ".mounted"
	switch {
	case !c.usable(at) || !c.usable(path+".workloads"):
	case !r.Mounted && len(r.Workloads) == 0:
		c.failKey(path, "restarts nothing", "name workloads: [deployment/NAME], or set mounted: true")
	case !r.Mounted:
	case r.of == nil:
		c.failKey(at, "needs a kubernetes store", "there is no Secret whose users could be found: name workloads")
	case c.given(path+".namespace") && r.Namespace != r.of.Namespace:
		c.failKey(at, fmt.Sprintf("the store's Secret is in namespace %s, and pods use only Secrets of their own", r.of.Namespace), "leave namespace out, or name workloads")
	case r.Cluster != r.of.Cluster:
		c.failKey(at, "the store's Secret is in another cluster", "leave kubeconfig and context out, or name workloads")
	}
}
