package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// client calls the API server as an administrator. It is no client-go, so that
// what tests see does not depend on what they test.
type client struct {
	http *http.Client
}

// client makes it once the API server has its certificate.
func (c *Cluster) makeClient() error {
	certificate, err := os.ReadFile(c.certificate())
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		return errors.New("the API server's certificate is not there yet")
	}
	c.client = &client{&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}}
	return nil
}

// Call sends a request as an administrator. The body is JSON text or a value
// that is encoded; a patch is a merge patch.
func (c *Cluster) Call(ctx context.Context, method, path string, body any) (status int, answer []byte, err error) {
	var content []byte
	if text, ok := body.(string); ok {
		content = []byte(text)
	} else if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL()+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := c.client.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }() // it is read
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// eventually asks again and again until the answer is yes.
func (c *Cluster) eventually(ctx context.Context, what string, yes func() bool) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		if why := c.ended(); why != "" {
			return fmt.Errorf("wait until %s: %s", what, why)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// becomesReady waits until the API server answers everything.
func (c *Cluster) becomesReady(ctx context.Context) error {
	return c.eventually(ctx, "the API server is ready", func() bool {
		if c.client == nil && c.makeClient() != nil {
			return false
		}
		status, _, err := c.Call(ctx, http.MethodGet, "/readyz", nil)
		return err == nil && status == http.StatusOK
	})
}

// addNode adds a node and waits until it takes pods.
func (c *Cluster) addNode(ctx context.Context) error {
	const node = `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}`
	if status, answer, err := c.Call(ctx, http.MethodPost, "/api/v1/nodes", node); err != nil || status != http.StatusCreated {
		return fmt.Errorf("add a node: %d %s %w", status, answer, err)
	}
	return c.eventually(ctx, "the node takes pods", func() bool {
		var is struct {
			Spec struct {
				Taints []any `json:"taints"`
			} `json:"spec"`
			Status struct {
				Conditions []struct {
					Type   string `json:"type"`
					Status string `json:"status"`
				} `json:"conditions"`
			} `json:"status"`
		}
		_, answer, err := c.Call(ctx, http.MethodGet, "/api/v1/nodes/node", nil)
		if err != nil || json.Unmarshal(answer, &is) != nil || len(is.Spec.Taints) > 0 {
			return false
		}
		for _, condition := range is.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				return true
			}
		}
		return false
	})
}

// Transport reaches the API server and trusts it; whoever uses it brings a
// token.
func (c *Cluster) Transport() http.RoundTripper { return c.client.http.Transport }
