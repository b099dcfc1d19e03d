package config

import "regexp"

// Names in Kubernetes, from its documentation "Object Names and IDs" and
// apimachinery's validation: a namespace is an RFC 1123 label, a Secret or a
// workload an RFC 1123 subdomain of 253 characters at most, whose length is
// checked apart because Go's patterns count to 1000 only for single characters.
var (
	clusterLabel     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	clusterSubdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	clusterWorkload  = regexp.MustCompile(`^(deployment|statefulset|daemonset)/[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	secretDataKey    = regexp.MustCompile(`^([A-Za-z0-9_-]|\.[A-Za-z0-9_-])[A-Za-z0-9._-]{0,251}$`)
)

// Cluster says which Kubernetes cluster is meant. The zero Cluster is the one
// that this program runs in.
type Cluster struct {
	Kubeconfig string `yaml:"kubeconfig" doc:"Absolute path of a kubeconfig file; by default the cluster that keyrotator runs in, with the token of its service account."`
	Context    string `yaml:"context" doc:"A context of that file; by default its current one, which may change under you."`
}

// at puts a place of the cluster in words that differ between clusters.
func (k Cluster) at(place string) string {
	if k.Kubeconfig != "" {
		place += "@" + k.Kubeconfig
	}
	if k.Context != "" {
		place += "#" + k.Context
	}
	return place
}

func (c *checker) cluster(path string, k Cluster) {
	if at := path + ".kubeconfig"; c.given(at) && c.usable(at) {
		c.absolute(at, k.Kubeconfig)
	}
	if at := path + ".context"; c.given(at) && c.usable(at) {
		switch {
		case k.Context == "":
			c.fail(at, "is empty", "leave the key out for the file's current context")
		case k.Kubeconfig == "" && c.usable(path+".kubeconfig"):
			c.failKey(at, "has no use without kubeconfig", "add kubeconfig: /path/of/the/file")
		}
	}
}

// subdomain checks the name of an object.
func (c *checker) subdomain(path, name, want string) {
	if c.match(path, name, clusterSubdomain, want) && len(name) > 253 {
		c.fail(path, "is longer than 253 characters", "")
	}
}
