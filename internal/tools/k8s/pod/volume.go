package pod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Volume is one of a pod.
type Volume struct {
	Name      string     `json:"name"`
	ConfigMap *configMap `json:"configMap"` //nolint:tagliatelle // Kubernetes' names, here and below
	Secret    *secret    `json:"secret"`
	EmptyDir  *struct{}  `json:"emptyDir"`              //nolint:tagliatelle // as above
	Claim     *struct{}  `json:"persistentVolumeClaim"` //nolint:tagliatelle // as above
	Projected *struct {
		Sources []source `json:"sources"`
	} `json:"projected"`
}

type configMap struct {
	Name  string `json:"name"`
	Items []item `json:"items"`
}

type secret struct {
	Name  string `json:"secretName"` //nolint:tagliatelle // as above
	Items []item `json:"items"`
}

type item struct {
	Key  string `json:"key"`
	Path string `json:"path"`
}

// source is one part of a projected volume: those of a service account's token.
type source struct {
	Token *struct {
		Path string `json:"path"`
	} `json:"serviceAccountToken"` //nolint:tagliatelle // as above
	ConfigMap   *configMap `json:"configMap"` //nolint:tagliatelle // as above
	DownwardAPI *struct {
		Items []item `json:"items"`
	} `json:"downwardAPI"` //nolint:tagliatelle // as above
}

// rootCA is the ConfigMap that every namespace has with the API server's
// certificate.
const rootCA = "kube-root-ca.crt"

func (n Node) mount(ctx context.Context, p Spec, v Volume, at string) error {
	switch {
	case v.Claim != nil, v.EmptyDir != nil: // a claim's volume is as empty at first
		return errors.Join(os.MkdirAll(at, 0o755), os.Chmod(at, 0o770), own(at, p)) //nolint:gosec // the pod's group writes there
	}
	files, err := n.files(ctx, p, v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(at, 0o755); err != nil { //nolint:gosec // the pod's user passes through
		return err
	}
	for name, content := range files {
		path := filepath.Join(at, name)
		if err := errors.Join(os.WriteFile(path, content, 0o640), own(path, p)); err != nil { //nolint:gosec // the pod's group reads it
			return err
		}
	}
	return nil
}

func (n Node) files(ctx context.Context, p Spec, v Volume) (map[string][]byte, error) {
	switch {
	case v.ConfigMap != nil:
		return n.chosen(ctx, p, "configmaps", v.ConfigMap.Name, v.ConfigMap.Items)
	case v.Secret != nil:
		return n.chosen(ctx, p, "secrets", v.Secret.Name, v.Secret.Items)
	case v.Projected != nil:
		files := map[string][]byte{}
		for _, from := range v.Projected.Sources {
			if err := n.project(ctx, p, from, files); err != nil {
				return nil, err
			}
		}
		return files, nil
	}
	return nil, errors.New("a volume of a kind that is not known here")
}

func (n Node) project(ctx context.Context, p Spec, from source, files map[string][]byte) error {
	switch {
	case from.Token != nil:
		token, err := n.Token(ctx, p)
		files[from.Token.Path] = []byte(token)
		return err
	case from.ConfigMap != nil && from.ConfigMap.Name == rootCA:
		files["ca.crt"] = n.CA
	case from.DownwardAPI != nil && len(from.DownwardAPI.Items) == 1 && from.DownwardAPI.Items[0].Path == "namespace":
		files["namespace"] = []byte(p.Metadata.Namespace)
	default:
		return errors.New("a projected volume of something else than a service account's token")
	}
	return nil
}

// chosen is an object's data under the names that the items give.
func (n Node) chosen(ctx context.Context, p Spec, kind, name string, items []item) (map[string][]byte, error) {
	data, err := n.Object(ctx, kind, p.Metadata.Namespace, name)
	if err != nil || len(items) == 0 {
		return data, err
	}
	files := map[string][]byte{}
	for _, i := range items {
		content, known := data[i.Key]
		if !known {
			return nil, fmt.Errorf("%s %s has no key %s", kind, name, i.Key)
		}
		files[i.Path] = content
	}
	return files, nil
}

// own gives a path to the pod's group, as fsGroup does.
func own(path string, p Spec) error { return os.Chown(path, 0, int(p.Spec.Security.FSGroup)) }
