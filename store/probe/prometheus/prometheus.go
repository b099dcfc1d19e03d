// Package prometheus probes a consumer by what Prometheus knows of it: an
// instant query that answers nothing as long as all is well, as the expression
// of an alert does. No credential is sent.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of probe.
const Kind = "prometheus"

const (
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20

	defaultTimeout = 10 * time.Second
)

// Options says what New needs to know.
type Options struct {
	// Client carries the calls; its transport knows whom to trust.
	Client *http.Client
	// URL is the server's address, without /api/v1.
	URL   string
	Query string
	// Token is sent as a bearer token; empty for none.
	Token   string
	Timeout time.Duration // zero means ten seconds
}

// Probe asks a query. It is safe for concurrent use.
type Probe struct {
	url, query string
	timeout    time.Duration
	client     http.Client
	// Behind a function, because fmt prints fields.
	token func() string
}

// New makes a probe; it calls nobody.
func New(o Options) (*Probe, error) {
	if o.Client == nil || o.URL == "" || strings.TrimSpace(o.Query) == "" {
		return nil, errors.New("make prometheus probe: client, URL and query are required")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	p := &Probe{url: strings.TrimRight(o.URL, "/"), query: o.Query, timeout: o.Timeout, client: *o.Client, token: func() string { return o.Token }}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

// Describe names the server and the query.
func (p *Probe) Describe() string { return Kind + ":" + p.url + "?" + p.query }

// Probe fails when the query answers anything.
func (p *Probe) Probe(ctx context.Context, _ store.Credential) error { return p.Check(ctx) }

// Check asks the query, too: one that answers something before anything was
// changed would fail every probe.
func (p *Probe) Check(ctx context.Context) error {
	if err := p.ask(ctx); err != nil {
		return fmt.Errorf("ask Prometheus at %s: %w", p.url, err)
	}
	return nil
}

// ask follows "Instant queries" of Prometheus's HTTP API: the query is posted
// as a form, so that a long one fits and no log of addresses has it.
func (p *Probe) ask(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	form := url.Values{"query": {p.query}}.Encode()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, p.url+"/api/v1/query", strings.NewReader(form))
	if err != nil {
		return errors.New("the address is no URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "keyrotator")
	if token := p.token(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return unanswered(ctx, limited, err, p.timeout)
	}
	defer func() { _ = resp.Body.Close() }() // what was read is all that counts
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unanswered(ctx, limited, err, p.timeout)
	case len(body) > maxAnswer:
		return fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return p.judge(resp.StatusCode, body)
}

// answer is what Prometheus's HTTP API answers with, "Format overview".
type answer struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType"` //nolint:tagliatelle // Prometheus's name
	Error     string `json:"error"`
	Data      struct {
		ResultType string   `json:"resultType"` //nolint:tagliatelle // Prometheus's name
		Result     []series `json:"result"`
	} `json:"data"`
}

type series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// judge reads the answer: nothing is well, anything is not, and whatever cannot
// be read is not well either.
func (p *Probe) judge(status int, body []byte) error {
	var a answer
	err := json.Unmarshal(body, &a)
	switch {
	case a.Status == "error":
		return fmt.Errorf("it refuses the query: %s: %s", store.Screen([]byte(a.ErrorType), p.token()), store.Screen([]byte(a.Error), p.token()))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%w: it answers %d; give the token read access", store.ErrDenied, status)
	case status != http.StatusOK:
		return fmt.Errorf("it answers %d", status)
	case a.Status == "success" && a.Data.ResultType != "" && a.Data.ResultType != "vector":
		return fmt.Errorf("the query answers a %s; write one that answers a vector", store.Screen([]byte(a.Data.ResultType)))
	case err != nil || a.Status != "success" || a.Data.ResultType != "vector":
		return errors.New("the answer is none of Prometheus's")
	case len(a.Data.Result) > 0:
		return fmt.Errorf("the query finds %d series, such as %s", len(a.Data.Result), store.Screen([]byte(a.Data.Result[0].String()), p.token()))
	}
	return nil
}

// String renders a series as Prometheus shows it.
func (s series) String() string {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(s.Metric)) {
		if name != "__name__" {
			labels = append(labels, fmt.Sprintf("%s=%q", name, s.Metric[name]))
		}
	}
	return fmt.Sprintf("%s{%s} = %v", s.Metric["__name__"], strings.Join(labels, ", "), s.Value[1])
}

// unanswered is why no answer came.
func unanswered(ctx, limited context.Context, err error, limit time.Duration) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("no answer within %s", limit)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return err
}
