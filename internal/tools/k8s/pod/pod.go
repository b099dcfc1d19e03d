// Package pod runs one container of a pod as a process of this machine, as its
// spec says: program, arguments, environment, user, groups and volumes, in a root
// folder that holds nothing else and that the user cannot write to. It is the
// little of a kubelet that keyrotator's pods need; whatever else a spec asks for
// is an error, so that nothing is left out in silence. Only root may do this.
package pod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Spec is what is understood of a pod.
type Spec struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Account    string      `json:"serviceAccountName"` //nolint:tagliatelle // Kubernetes' names, here and below
		Containers []Container `json:"containers"`
		Volumes    []Volume    `json:"volumes"`
		Security   struct {
			User    uint32 `json:"runAsUser"`  //nolint:tagliatelle // as above
			Group   uint32 `json:"runAsGroup"` //nolint:tagliatelle // as above
			FSGroup uint32 `json:"fsGroup"`    //nolint:tagliatelle // as above
		} `json:"securityContext"` //nolint:tagliatelle // as above
	} `json:"spec"`
}

// Container is one of a pod.
type Container struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	Env  []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
		From  *any   `json:"valueFrom"` //nolint:tagliatelle // as above
	} `json:"env"`
	EnvFrom []struct {
		Secret *struct {
			Name string `json:"name"`
		} `json:"secretRef"` //nolint:tagliatelle // as above
	} `json:"envFrom"` //nolint:tagliatelle // as above
	Mounts []struct {
		Name string `json:"name"`
		Path string `json:"mountPath"` //nolint:tagliatelle // as above
	} `json:"volumeMounts"` //nolint:tagliatelle // as above
}

// Node is what a kubelet knows of its cluster.
type Node struct {
	// Program stands for the image: it is the container's only file.
	Program string
	// Host and Port are the API server's.
	Host, Port string
	// Object reads the data of a "configmaps" or "secrets" object.
	Object func(ctx context.Context, kind, namespace, name string) (map[string][]byte, error)
	// Token makes a token for the pod's service account.
	Token func(ctx context.Context, p Spec) (string, error)
	// CA is what the API server is known by.
	CA []byte
}

// Prepare makes the root folder of a pod's first container, and its command,
// which the caller starts.
func (n Node) Prepare(ctx context.Context, p Spec, root string) (*exec.Cmd, error) {
	if len(p.Spec.Containers) != 1 || p.Spec.Security.User == 0 {
		return nil, errors.New("want one container, and a user that is not root")
	}
	c := p.Spec.Containers[0]
	program := filepath.Join(root, "usr", "bin", "keyrotator")
	if err := errors.Join(os.MkdirAll(filepath.Dir(program), 0o755), link(n.Program, program)); err != nil { //nolint:gosec // the pod's user passes through
		return nil, err
	}
	volumes := map[string]Volume{}
	for _, v := range p.Spec.Volumes {
		volumes[v.Name] = v
	}
	for _, m := range c.Mounts {
		v, known := volumes[m.Name]
		if !known {
			return nil, fmt.Errorf("mount %s: no such volume", m.Name)
		}
		if err := n.mount(ctx, p, v, filepath.Join(root, m.Path)); err != nil {
			return nil, fmt.Errorf("mount %s: %w", m.Name, err)
		}
	}
	env, err := n.environment(ctx, p, c)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/usr/bin/keyrotator", c.Args...) //nolint:gosec // as the spec says
	cmd.Dir, cmd.Env = "/", env
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{
		Uid: p.Spec.Security.User, Gid: p.Spec.Security.Group, Groups: []uint32{p.Spec.Security.FSGroup},
	}}
	return cmd, nil
}

// link puts the program where the image has it.
func link(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755) //nolint:gosec // everybody may run the program
}

func (n Node) environment(ctx context.Context, p Spec, c Container) ([]string, error) {
	env := []string{"PATH=/usr/bin", "HOSTNAME=" + p.Metadata.Name, "KUBERNETES_SERVICE_HOST=" + n.Host, "KUBERNETES_SERVICE_PORT=" + n.Port}
	for _, from := range c.EnvFrom {
		if from.Secret == nil {
			return nil, errors.New("envFrom of something else than a Secret")
		}
		data, err := n.Object(ctx, "secrets", p.Metadata.Namespace, from.Secret.Name)
		if err != nil {
			return nil, err
		}
		for name, value := range data {
			env = append(env, name+"="+string(value))
		}
	}
	for _, e := range c.Env {
		if e.From != nil {
			return nil, fmt.Errorf("environment variable %s: valueFrom", e.Name)
		}
		if strings.Contains(e.Value, "$(") {
			return nil, fmt.Errorf("environment variable %s: an expansion", e.Name)
		}
		env = append(env, e.Name+"="+e.Value)
	}
	return env, nil
}
