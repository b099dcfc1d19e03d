package awsemu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// matches signs the request again with the key's secret, over exactly the headers that the client signed, and
// compares in constant time. The body's hash is the server's own: a wrong X-Amz-Content-Sha256, UNSIGNED-PAYLOAD
// included, is refused, because none of the emulated services takes an unsigned body.
func (sig signature) matches(r *http.Request, body []byte, secret string) bool {
	if sig.day != sig.at.Format("20060102") {
		return false
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" && said != hash {
		return false
	}
	again, ok := sig.rebuild(r, len(body))
	if !ok {
		return false
	}
	creds := aws.Credentials{AccessKeyID: sig.keyID, SecretAccessKey: secret}
	plain := func(o *v4.SignerOptions) { o.DisableHeaderHoisting, o.DisableSessionToken = true, true }
	var mine string
	if sig.query {
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), creds, again, hash, sig.service, sig.region, sig.at, plain)
		if err != nil {
			return false
		}
		u, err := url.Parse(signed)
		if err != nil {
			return false
		}
		mine = u.Query().Get("X-Amz-Signature")
	} else {
		if err := v4.NewSigner().SignHTTP(context.Background(), creds, again, hash, sig.service, sig.region, sig.at, plain); err != nil {
			return false
		}
		parsed, err := parseAuthorization(again.Header.Get("Authorization"))
		if err != nil {
			return false
		}
		mine = parsed.value
	}
	return subtle.ConstantTimeCompare([]byte(mine), []byte(sig.value)) == 1
}

// rebuild makes the request that the client signed: nothing but the headers on its list; false when one is missing.
func (sig signature) rebuild(r *http.Request, length int) (*http.Request, bool) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	u := &url.URL{Host: host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if sig.query {
		q := u.Query()
		q.Del("X-Amz-Signature")
		u.RawQuery = q.Encode()
	}
	again := &http.Request{Method: r.Method, URL: u, Host: host, Header: http.Header{}, Body: http.NoBody}
	for _, h := range sig.headers {
		switch name := textproto.CanonicalMIMEHeaderKey(h); name {
		case "Host":
		case "Content-Length":
			again.ContentLength = int64(length)
		default:
			if len(r.Header.Values(name)) == 0 {
				return nil, false
			}
			again.Header[name] = slices.Clone(r.Header.Values(name))
		}
	}
	if !sig.query && !slices.Contains(sig.headers, "x-amz-date") {
		return nil, false
	}
	return again, true
}

// readBody reads at most limit bytes, so that a wrong client cannot fill the memory.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(http.MaxBytesReader(nil, r.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read request after %d bytes: %w", n, err)
	}
	return b.Bytes(), nil
}
