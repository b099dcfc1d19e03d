package awsemu

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	// maxSkew is how far a signature's date may lie from the server's clock (AWS guide, "Troubleshooting SigV4").
	maxSkew = 15 * time.Minute
	// maxExpires is the longest life of a pre-signed request.
	maxExpires = 7 * 24 * time.Hour
)

// signature is what a request says about its own signature, in the Authorization header or in the query.
type signature struct {
	keyID   string
	day     string // of the credential scope
	region  string
	service string
	headers []string // lower case, as listed by the client
	value   string   // hex
	at      time.Time
	token   string        // session token, empty for long-lived keys
	expires time.Duration // pre-signed requests only, else zero
	query   bool
}

// malformed is the text of an IncompleteSignature answer, in AWS's own words.
type malformed string

func (m malformed) Error() string { return string(m) }

// errNoSignature says that a request is not signed at all.
var errNoSignature = errors.New("request is not signed")

// readSignature finds the signature of a request. The error's text is fit for an IncompleteSignature answer.
func readSignature(r *http.Request) (signature, error) {
	if auth := r.Header.Get("Authorization"); auth != "" {
		sig, err := parseAuthorization(auth)
		if err != nil {
			return signature{}, err
		}
		sig.token = r.Header.Get("X-Amz-Security-Token")
		sig.at, err = time.Parse(basic, r.Header.Get("X-Amz-Date"))
		if err != nil {
			return signature{}, malformed("Date must be in ISO-8601 'basic format' in the X-Amz-Date header.")
		}
		return sig, nil
	}
	q := r.URL.Query()
	if !q.Has("X-Amz-Signature") && !q.Has("X-Amz-Algorithm") {
		return signature{}, errNoSignature
	}
	return parseQuerySignature(q)
}

// parseAuthorization reads an Authorization header: the algorithm, then Credential, SignedHeaders and Signature.
func parseAuthorization(header string) (signature, error) {
	rest, ok := strings.CutPrefix(header, algorithm)
	if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
		return signature{}, malformed("Unsupported AWS 'algorithm'; only " + algorithm + " is known.")
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return signature{}, malformed("Authorization header holds a part that is not a key=value pair.")
		}
		if _, twice := fields[name]; twice {
			return signature{}, malformed("Authorization header holds '" + name + "' twice.")
		}
		fields[name] = value
	}
	return newSignature(fields["Credential"], fields["SignedHeaders"], fields["Signature"])
}

func parseQuerySignature(q url.Values) (signature, error) {
	if q.Get("X-Amz-Algorithm") != algorithm {
		return signature{}, malformed("Unsupported AWS 'algorithm'; only " + algorithm + " is known.")
	}
	sig, err := newSignature(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"))
	if err != nil {
		return signature{}, err
	}
	sig.query, sig.token = true, q.Get("X-Amz-Security-Token")
	if sig.at, err = time.Parse(basic, q.Get("X-Amz-Date")); err != nil {
		return signature{}, malformed("Date must be in ISO-8601 'basic format' in X-Amz-Date.")
	}
	seconds := 900
	if text := q.Get("X-Amz-Expires"); text != "" {
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 1 || seconds > int(maxExpires/time.Second) {
			return signature{}, malformed("X-Amz-Expires must be between 1 and 604800 seconds.")
		}
	}
	sig.expires = time.Duration(seconds) * time.Second
	return sig, nil
}

func newSignature(credential, headers, value string) (signature, error) {
	for _, f := range [][2]string{{"Credential", credential}, {"SignedHeaders", headers}, {"Signature", value}} {
		if f[1] == "" {
			return signature{}, malformed("Authorization header requires '" + f[0] + "' parameter.")
		}
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || slices.Contains(parts, "") || parts[4] != "aws4_request" {
		return signature{}, malformed("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	if _, err := time.Parse("20060102", parts[1]); err != nil {
		return signature{}, malformed("Credential's date must be YYYYMMDD.")
	}
	list := strings.Split(headers, ";")
	for _, h := range list {
		if h == "" || h != strings.ToLower(h) || strings.ContainsAny(h, " \t\r\n") {
			return signature{}, malformed("SignedHeaders must be lower-case names parted by semicolons.")
		}
	}
	if !slices.Contains(list, "host") {
		return signature{}, malformed("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return signature{keyID: parts[0], day: parts[1], region: parts[2], service: parts[3], headers: list, value: value}, nil
}
