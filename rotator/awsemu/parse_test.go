package awsemu

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff")
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/sts/aws4_request,SignedHeaders=host,Signature=")
	f.Add("AWS4-HMAC-SHA256")
	f.Add("Bearer x")
	f.Fuzz(func(t *testing.T, header string) {
		sig, err := parseAuthorization(header)
		if err != nil {
			return
		}
		if sig.keyID == "" || sig.service == "" || sig.region == "" || len(sig.day) != 8 || sig.value == "" || !slices.Contains(sig.headers, "host") {
			t.Fatalf("accepted %q as %+v", header, sig)
		}
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Host: "sts.amazonaws.com", Path: "/"}, Header: http.Header{"Authorization": {header}}}
		if sig.matches(r, nil, "secret") {
			t.Fatalf("%q is a right signature", header)
		}
	})
}

func FuzzQueryForm(f *testing.F) {
	f.Add("Action=ListUsers&Version=2010-05-08", "MaxItems=3&Marker=Mg")
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20260101/b/c/aws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=x", "")
	f.Add("%zz=;", "Tags.member.1.Key=a&Tags.member.1.Value=b")
	f.Fuzz(func(t *testing.T, query, body string) {
		form := parseForm(query, []byte(body))
		q := &request{form: form}
		if tags, err := q.tags(); err == nil && len(tags) > tagsPerUser {
			t.Fatalf("%d tags", len(tags))
		}
		if from, to, _, err := q.page(5); err == nil && (from < 0 || from > to || to > 5) {
			t.Fatalf("page %d to %d", from, to)
		}
		if sig, err := parseQuerySignature(form); err == nil && (sig.expires <= 0 || sig.expires > maxExpires) {
			t.Fatalf("expires %v", sig.expires)
		}
		out, err := New(Options{}).Transport().RoundTrip(&http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{},
			Body: io.NopCloser(strings.NewReader(body)),
		})
		if err != nil || out.StatusCode < http.StatusBadRequest {
			t.Fatalf("an unsigned request is answered: %v, %v", out, err)
		}
	})
}
