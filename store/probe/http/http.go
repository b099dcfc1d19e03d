// Package http probes a consumer by its own health page. No credential is sent;
// at most the page has to show the id of the key that the consumer should have.
package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of probe.
const Kind = "http"

const (
	// keyIDMark stands for the id of the key in Contains and Equals.
	keyIDMark = "{key_id}"
	// maxPage bounds what is read of a page.
	maxPage = 1 << 20

	defaultTimeout = 10 * time.Second
)

// Options says what New needs to know.
type Options struct {
	// Client carries the calls; its transport knows whom to trust.
	Client *http.Client
	URL    string
	// Status is what the page has to answer with; zero means 200.
	Status int
	// Contains is what the body has to hold; {key_id} in it is the key's id.
	Contains string
	// Field is a field of a JSON body, dots between levels, and Equals what it
	// has to be; {key_id} in it is the key's id.
	Field, Equals string
	// Timeout limits one try; zero means ten seconds.
	Timeout time.Duration
}

// Probe asks a page. It is safe for concurrent use.
type Probe struct {
	options Options
	client  http.Client
}

// New makes a probe; it calls nobody.
func New(o Options) (*Probe, error) {
	if o.Client == nil || o.URL == "" || (o.Field == "") != (o.Equals == "") {
		return nil, errors.New("make http probe: client and URL are required, and field and equals go together")
	}
	if o.Status == 0 {
		o.Status = http.StatusOK
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	p := &Probe{options: o, client: *o.Client}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

// Describe names the page, without its query.
func (p *Probe) Describe() string {
	address, _, _ := strings.Cut(p.options.URL, "?")
	return Kind + ":" + address
}

// Probe asks the page whether the consumer works with this key.
func (p *Probe) Probe(ctx context.Context, c store.Credential) error {
	body, err := p.page(ctx)
	if err == nil {
		err = p.judge(body, c)
	}
	return p.wrap(err)
}

// Check asks the page for its status alone: which key it shows is known only
// once there is one.
func (p *Probe) Check(ctx context.Context) error {
	_, err := p.page(ctx)
	return p.wrap(err)
}

func (p *Probe) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ask health page %s: %w", p.Describe(), err)
}

// page reads the body, if the status is right.
func (p *Probe) page(ctx context.Context) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, p.options.URL, http.NoBody)
	if err != nil {
		return nil, errors.New("the address is no URL")
	}
	req.Header.Set("User-Agent", "keyrotator")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, unanswered(ctx, limited, err, p.options.Timeout)
	}
	defer func() { _ = resp.Body.Close() }() // what was read is all that counts
	if resp.StatusCode != p.options.Status {
		return nil, fmt.Errorf("it answers %d, want %d", resp.StatusCode, p.options.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, unanswered(ctx, limited, err, p.options.Timeout)
	case len(body) > maxPage:
		return nil, fmt.Errorf("it is longer than %d bytes", maxPage)
	}
	return body, nil
}

// judge compares the body with what it has to say of the key.
func (p *Probe) judge(body []byte, c store.Credential) error {
	filled := strings.NewReplacer(keyIDMark, c.KeyID())
	if want := filled.Replace(p.options.Contains); want != "" && !strings.Contains(string(body), want) {
		return fmt.Errorf("it does not hold %q", want)
	}
	if p.options.Field == "" {
		return nil
	}
	got, err := lookUp(body, p.options.Field)
	if err != nil {
		return err
	}
	if want := filled.Replace(p.options.Equals); got != want {
		return fmt.Errorf("field %s is %q, want %q", p.options.Field, store.Screen([]byte(got), c.RevealSecret()), want)
	}
	return nil
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
