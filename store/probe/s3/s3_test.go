package s3

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/store"
)

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC")

// bucket is a stand-in for Amazon S3 with the bucket ci-artifacts and the object
// probe/ok in it, written from the API reference's HeadBucket and HeadObject. It
// knows one key, and checks that a request is really signed with its secret.
type bucket struct {
	*httptest.Server

	status int // to answer instead
	asked  []string
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.Method+" "+r.URL.Path)
	switch {
	case b.status != 0:
		w.WriteHeader(b.status)
	case !signed(r):
		w.WriteHeader(http.StatusForbidden)
	case r.Method != http.MethodHead || !slices.Contains([]string{"/ci-artifacts", "/ci-artifacts/probe/ok"}, r.URL.Path):
		w.WriteHeader(http.StatusNotFound)
	}
}

// signed signs the request again and compares.
func signed(r *http.Request) bool {
	had := r.Header.Get("Authorization")
	_, list, _ := strings.Cut(had, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	again := r.Clone(context.Background())
	again.Header = http.Header{}
	for name := range strings.SplitSeq(list, ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	again.URL.Scheme, again.URL.Host, again.ContentLength = "http", r.Host, 0
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(),
		aws.Credentials{AccessKeyID: credential.KeyID(), SecretAccessKey: credential.RevealSecret()}, again, r.Header.Get("X-Amz-Content-Sha256"), "s3", "eu-west-1", at)
	return err == nil && had == again.Header.Get("Authorization")
}

func (b *bucket) probe(t *testing.T, edit func(*Options)) *Probe {
	t.Helper()
	o := Options{Endpoint: b.URL, Bucket: "ci-artifacts", Config: aws.Config{
		Region: "eu-west-1", HTTPClient: b.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIANOBODY", "nobody", ""),
	}}
	if edit != nil {
		edit(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestABucketAndAnObjectAreAskedForWithTheCredential(t *testing.T) {
	b := newBucket(t)
	for object, described := range map[string]string{"": "s3:ci-artifacts", "probe/ok": "s3:ci-artifacts/probe/ok"} {
		p := b.probe(t, func(o *Options) { o.Object = object })
		if err := p.Probe(t.Context(), credential); err != nil || p.Describe() != described {
			t.Errorf("probe of %s: %v", p.Describe(), err)
		}
		if err := p.Probe(t.Context(), store.NewCredential(credential.KeyID(), "another")); err == nil || !strings.Contains(err.Error(), "lacks s3:") {
			t.Errorf("probe of %s with another secret: %v", p.Describe(), err)
		}
	}
	for _, asked := range b.asked {
		if !strings.HasPrefix(asked, "HEAD ") {
			t.Errorf("it asked by %s", asked)
		}
	}
}

func TestTheEndpointMayBeTheAccounts(t *testing.T) {
	b := newBucket(t)
	p := b.probe(t, func(o *Options) { o.Config.BaseEndpoint, o.Endpoint = aws.String(b.URL), "" })
	if err := p.Probe(t.Context(), credential); err != nil || len(b.asked) != 1 {
		t.Errorf("probe: %v", err)
	}
}

func TestEveryStatusIsUnderstood(t *testing.T) {
	for status, want := range map[int]string{
		400: "lacks s3:GetObject", 401: "lacks s3:GetObject", 403: "lacks s3:GetObject", 404: "no such bucket or object", 301: "another Region",
		503: store.ErrThrottled.Error(), 429: store.ErrThrottled.Error(), 500: "status 500",
	} {
		b := newBucket(t)
		b.status = status
		err := b.probe(t, func(o *Options) { o.Object = "probe/ok" }).Probe(t.Context(), credential)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: %v, want %q", status, err, want)
		}
	}
}

func TestNobodyThereIsNoSuccess(t *testing.T) {
	b := newBucket(t)
	p := b.probe(t, nil)
	b.Close()
	if err := p.Probe(t.Context(), credential); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("probe: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Probe(ctx, credential); !errors.Is(err, context.Canceled) {
		t.Errorf("under a cancelled context: %v", err)
	}
	if err := p.Probe(t.Context(), store.Credential{}); err == nil || !strings.Contains(err.Error(), "incomplete") {
		t.Errorf("no credential: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("options that lack everything are accepted")
	}
}
