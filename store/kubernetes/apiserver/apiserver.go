// Package apiserver is how the kinds that work on a Kubernetes cluster reach
// its API server: one look, one write or one question about permission at a
// time, over plain HTTP with the connection, the credentials and the types of
// client-go.
//
// It does without client-go's REST client on purpose. That one retries a
// request by itself for as long as the server asks (Retry-After), slows down
// on the client's side, and writes requests to the log at high verbosity; a
// store has to say at once that it was throttled or that an answer was lost,
// and must show a body nowhere.
package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Agent is the name of this program in the API server's audit log, and the
// manager of the fields that it writes.
const Agent = "keyrotator"

// maxAnswer bounds how much of an answer is read, in bytes. A Secret has at
// most 1 MiB (core/v1, MaxSecretSize), a page of a list many objects.
const maxAnswer = 64 << 20

// Cluster says where a cluster is. The zero Cluster is the one that this
// process runs in, reached with the token of its service account.
type Cluster struct {
	// Kubeconfig is the path of a kubeconfig file. It is read at each call, so
	// that a renewed one is taken up.
	Kubeconfig string
	// Context is one of that file's contexts; empty means its current one.
	Context string
}

// Locate puts a place of this cluster in such words that no two clusters of a
// configuration share them.
func (c Cluster) Locate(place string) string {
	if c == (Cluster{}) {
		return place
	}
	if c.Context == "" {
		return place + "@" + c.Kubeconfig
	}
	return place + "@" + c.Kubeconfig + "#" + c.Context
}

// config finds out how to connect. An error shows nothing of a kubeconfig but
// names.
func (c Cluster) config() (*rest.Config, error) {
	if c == (Cluster{}) {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("this process does not run in a cluster; give a kubeconfig")
		}
		if err != nil {
			return nil, fmt.Errorf("use the token of this pod's service account: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: c.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: c.Context},
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("use kubeconfig %s: %w", c.Kubeconfig, err)
	}
	return config, nil
}

// Object names one object of the API, or with an empty Name all of a namespace.
type Object struct {
	// Group is the API group, empty for the core group.
	Group string
	// Version is the group's version, such as "v1".
	Version string
	// Resource is the plural name that the API has for the kind, such as
	// "secrets". Only the kinds whose plural has a constant here are used.
	Resource string
	// Namespace is empty for what lies in none.
	Namespace string
	// Name is the object's.
	Name string
}

// String names the object as a Role would, without its version.
func (o Object) String() string {
	text := o.Resource
	if o.Group != "" {
		text += "." + o.Group
	}
	if o.Name != "" {
		text += " " + o.Name
	}
	if o.Namespace != "" {
		text += " in namespace " + o.Namespace
	}
	return text
}

func (o Object) path() string {
	parts := []string{"apis", o.Group, o.Version}
	if o.Group == "" {
		parts = []string{"api", o.Version}
	}
	if o.Namespace != "" {
		parts = append(parts, "namespaces", o.Namespace)
	}
	parts = append(parts, o.Resource)
	if o.Name != "" {
		parts = append(parts, o.Name)
	}
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// Client calls the API server of one cluster. It has no state.
type Client struct{ cluster Cluster }

// New makes a client; it reads and calls nothing yet.
func New(cluster Cluster) Client { return Client{cluster} }

// Get reads an object into what is of its type. ErrMissing when there is none.
func (c Client) Get(ctx context.Context, o Object, into any) error {
	return c.call(ctx, request{verb: "get", method: http.MethodGet, object: o}, into)
}

// Apply is how an object is written.
type Apply struct {
	// Merge sends a JSON merge patch (RFC 7386), which creates nothing.
	// Otherwise the fields are applied by the server under our name
	// (Server-Side Apply), whoever managed them before.
	Merge bool
	// DryRun has the server do everything but store the result.
	DryRun bool
}

// Write sends the fields of an object and reads what became of it. The object
// is left alone in everything else.
//
// ErrConflict when fields hold a resourceVersion or a uid that the object does
// not have now, ErrAmbiguous when it may or may not have been written.
func (c Client) Write(ctx context.Context, o Object, how Apply, fields, into any) error {
	body, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("encode %s: %w", o, err)
	}
	r := request{verb: "patch", method: http.MethodPatch, object: o, body: body, query: url.Values{"fieldManager": {Agent}}}
	r.contentType = "application/merge-patch+json"
	if !how.Merge {
		// JSON is YAML; the server knows no other media type for applying.
		r.contentType = "application/apply-patch+yaml"
		r.query.Set("force", "true")
	}
	if how.DryRun {
		r.query.Set("dryRun", metav1.DryRunAll)
	}
	return c.call(ctx, r, into)
}

// request is one call of the API.
type request struct {
	verb, method string
	object       Object
	query        url.Values
	contentType  string
	body         []byte
}

// writes reports whether the call changes anything.
func (r request) writes() bool { return r.method == http.MethodPatch && !r.query.Has("dryRun") }

func (c Client) call(ctx context.Context, r request, into any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	config, err := c.cluster.config()
	if err != nil {
		return err
	}
	status, answer, err := send(ctx, config, r)
	switch {
	case err != nil:
		return unanswered(ctx, r, err)
	case status < 200 || status > 299:
		return refusal(r, status, answer)
	}
	// Only its type is told of what cannot be read: the text may be secret.
	if err := json.Unmarshal(answer, into); err != nil {
		err = fmt.Errorf("the API server's answer to %s %s is not what was asked for", r.verb, r.object)
		return unanswered(ctx, r, err)
	}
	return nil
}

func send(ctx context.Context, config *rest.Config, r request) (status int, answer []byte, err error) {
	config.UserAgent = Agent
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return 0, nil, unsent{err}
	}
	// A body with a secret in it goes to the server that was named, never on
	// to another.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return 0, nil, unsent{err}
	}
	target := strings.TrimSuffix(base.String(), "/") + "/" + r.object.path()
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	call, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, unsent{err}
	}
	call.Header.Set("Accept", "application/json")
	if r.body != nil {
		call.Header.Set("Content-Type", r.contentType)
	}
	response, err := client.Do(call)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read, or its loss was told already
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, err
}
