package awsemu_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const identityForm = "Action=GetCallerIdentity&Version=2011-06-15"

func hashed(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// signed makes a GetCallerIdentity request as the SDK's signer signs it.
func signed(t *testing.T, id, secret string, at time.Time, change func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://sts.eu-west-1.amazonaws.com/", strings.NewReader(identityForm))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	creds := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
	must(t, v4.NewSigner().SignHTTP(t.Context(), creds, r, hashed(identityForm), "sts", region, at))
	return r
}

// send gives the HTTP status and the body of a raw request.
func send(t *testing.T, s *awsemu.Server, r *http.Request) (int, string) {
	t.Helper()
	out, err := s.Transport().RoundTrip(r)
	must(t, err)
	body, err := io.ReadAll(out.Body)
	must(t, err)
	return out.StatusCode, string(body)
}

func TestSignaturesAreChecked(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, secret := c.user("ci")
	now := time.Now
	wrong := "X" + secret[1:]
	body := func(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
	cases := map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"a right signature":         {signed(t, id, secret, now(), nil), 200, ""},
		"a signed content hash":     {signed(t, id, secret, now(), func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", hashed(identityForm)) }), 200, ""},
		"an unsigned payload":       {signed(t, id, secret, now(), func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }), 403, "SignatureDoesNotMatch"},
		"the wrong secret":          {signed(t, id, wrong, now(), nil), 403, "SignatureDoesNotMatch"},
		"an unknown key id":         {signed(t, "AKIA2222222222222222", secret, now(), nil), 403, "InvalidClientTokenId"},
		"a session token too many":  {signed(t, id, secret, now(), func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }), 403, "InvalidClientTokenId"},
		"14 minutes in the past":    {signed(t, id, secret, now().Add(-14*time.Minute), nil), 200, ""},
		"16 minutes in the past":    {signed(t, id, secret, now().Add(-16*time.Minute), nil), 403, "SignatureDoesNotMatch"},
		"14 minutes in the future":  {signed(t, id, secret, now().Add(14*time.Minute), nil), 200, ""},
		"16 minutes in the future":  {signed(t, id, secret, now().Add(16*time.Minute), nil), 403, "SignatureDoesNotMatch"},
		"a body changed afterwards": {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.Body = body(identityForm + "&X=1") }), 403, "SignatureDoesNotMatch"},
		"a header changed afterwards": {after(signed(t, id, secret, now(), nil), func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		}),
			403, "SignatureDoesNotMatch"},
		"a host changed afterwards":      {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.URL.Host, r.Host = "iam.amazonaws.com", "iam.amazonaws.com" }), 403, "SignatureDoesNotMatch"},
		"a query added afterwards":       {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.URL.RawQuery = "x=1" }), 403, "SignatureDoesNotMatch"},
		"a path changed afterwards":      {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.URL.Path = "/other" }), 403, "SignatureDoesNotMatch"},
		"a method changed afterwards":    {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.Method = http.MethodPut }), 403, "SignatureDoesNotMatch"},
		"an unsigned header added":       {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.Header.Set("User-Agent", "x") }), 200, ""},
		"a signed header taken away":     {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.Header.Del("Content-Type") }), 403, "SignatureDoesNotMatch"},
		"no signature at all":            {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.Header.Del("Authorization") }), 403, "MissingAuthenticationToken"},
		"a signature that is cut short":  {after(signed(t, id, secret, now(), nil), func(r *http.Request) { cut(r, ", Signature=") }), 400, "IncompleteSignature"},
		"a date that is not one":         {after(signed(t, id, secret, now(), nil), func(r *http.Request) { r.Header.Set("X-Amz-Date", "today") }), 400, "IncompleteSignature"},
		"another day in the scope":       {after(signed(t, id, secret, now(), nil), otherDay), 403, "SignatureDoesNotMatch"},
		"a scope of a service not there": {after(signed(t, id, secret, now(), nil), func(r *http.Request) { replaceAuth(r, "/sts/", "/s3/") }), 400, "InvalidAction"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			got, text := send(t, c.server, tt.request)
			if got != tt.status || !strings.Contains(text, tt.code) {
				t.Errorf("status %d, want %d %s: %s", got, tt.status, tt.code, text)
			}
			if strings.Contains(text, secret) {
				t.Error("the answer holds a secret")
			}
		})
	}
}

func after(r *http.Request, change func(*http.Request)) *http.Request {
	change(r)
	return r
}

func cut(r *http.Request, from string) {
	text, _, _ := strings.Cut(r.Header.Get("Authorization"), from)
	r.Header.Set("Authorization", text)
}

func replaceAuth(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}

func otherDay(r *http.Request) {
	day := r.Header.Get("X-Amz-Date")[:8]
	replaceAuth(r, "/"+day+"/", "/20200101/")
}

func TestPresignedIdentityRequests(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	presigned, err := sts.NewPresignClient(sts.NewFromConfig(c.admin)).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	must(t, err)
	get := func(link string) (int, string) {
		u, err := url.Parse(link)
		must(t, err)
		return send(t, c.server, &http.Request{Method: presigned.Method, URL: u, Header: presigned.SignedHeader})
	}
	if status, text := get(presigned.URL); status != http.StatusOK || !strings.Contains(text, awsemu.AdminUser) {
		t.Errorf("status %d: %s", status, text)
	}
	if status, text := get(strings.Replace(presigned.URL, "GetCallerIdentity", "GetAccessKeyInfo", 1)); status != http.StatusForbidden {
		t.Errorf("changed action: status %d: %s", status, text)
	}
	c.server.SetClockSkew(time.Hour)
	if status, text := get(presigned.URL); status != http.StatusBadRequest || !strings.Contains(text, "RequestExpired") {
		t.Errorf("an hour later: status %d: %s", status, text)
	}
}

func TestTheOldVersionOfAnAPIIsRefused(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, secret := c.user("ci")
	form := "Action=GetCallerIdentity&Version=2010-05-08"
	r := signed(t, id, secret, time.Now(), nil)
	r.Body = io.NopCloser(bytes.NewBufferString(form))
	if status, text := send(t, c.server, r); status != http.StatusBadRequest || !strings.Contains(text, "InvalidAction") {
		t.Errorf("status %d: %s", status, text)
	}
}
