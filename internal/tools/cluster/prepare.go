package cluster

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strconv"
)

// auditPolicy records every request that is done, by whom and how it ended,
// and no body: some hold secrets.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Metadata}
`

// prepare writes the files that the parts read.
func (c *Cluster) prepare() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	c.token = rand.Text()
	for name, content := range map[string][]byte{
		"accounts.key": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		"tokens.csv":   []byte(c.token + `,admin,admin,"system:masters"` + "\n"),
		"audit.yaml":   []byte(auditPolicy),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// URL is where the API server listens.
func (c *Cluster) URL() string { return "https://" + address(c.port) }

// certificate is the file with what the API server is known by.
func (c *Cluster) certificate() string { return filepath.Join(c.dir, "apiserver.crt") }

// Kubeconfig writes a kubeconfig file of that name, with one context, for
// whoever has the token. The server is this cluster's, or a proxy of it that is
// known by a certificate.
func (c *Cluster) Kubeconfig(name, server string, certificate *x509.Certificate, token string) (string, error) {
	type object = map[string]any
	cluster := object{"server": server, "certificate-authority": c.certificate()}
	if certificate != nil {
		cluster = object{"server": server, "certificate-authority-data": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})}
	}
	content, err := json.Marshal(object{ // JSON is YAML
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": "cluster", "cluster": cluster}},
		"users":    []object{{"name": name, "user": object{"token": token}}},
		"contexts": []object{{"name": name, "context": object{"cluster": "cluster", "user": name}}},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, name+".kubeconfig")
	return path, os.WriteFile(path, content, 0o600)
}

// AdminKubeconfig writes a kubeconfig for an administrator.
func (c *Cluster) AdminKubeconfig() (string, error) {
	return c.Kubeconfig("administrator", c.URL(), nil, c.token)
}

// Programs is the folder of the cluster's programs, kubectl among them.
func (c *Cluster) Programs() string { return c.bin }

// Port is where the API server listens on loopback.
func (c *Cluster) Port() string { return strconv.Itoa(c.port) }

// CA is what the API server is known by.
func (c *Cluster) CA() ([]byte, error) { return os.ReadFile(c.certificate()) }
