package awsemu

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The four services, by the names that SigV4 scopes and IAM policies use.
const (
	iam            = "iam"
	sts            = "sts"
	secretsManager = "secretsmanager"
	ssm            = "ssm"
)

const (
	iamVersion = "2010-05-08"
	stsVersion = "2011-06-15"
)

// request is one call on its way through the server.
type request struct {
	service, operation, region string
	version                    string
	id                         string
	form                       url.Values // query services: the parameters of query and body
	body                       []byte     // JSON services: the document
	sig                        signature
	caller                     principal
	key                        *accessKey // the signer's, nil for sessions
	refusal                    *apiError  // decided before the effect
	call                       Call

	// Set by perform.
	base, at time.Time
	race     bool
	stale    bool
	staleFor time.Duration
}

// receive reads what is asked, of which service, and how it is signed. It trusts nothing yet.
func (s *Server) receive(r *http.Request) (*request, error) {
	body, err := readBody(r, maxBody)
	if err != nil {
		return nil, err
	}
	q := &request{body: body}
	sig, err := readSignature(r)
	q.sig = sig
	q.service, q.region = sig.service, sig.region
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		prefix, name, _ := strings.Cut(target, ".")
		q.operation = name
		q.service = map[string]string{"secretsmanager": secretsManager, "AmazonSSM": ssm}[prefix]
	} else {
		q.readForm(r)
	}
	q.describe(r)
	s.mu.Lock()
	q.id, q.call.At = s.uuid(), s.stamp()
	s.mu.Unlock()
	switch {
	case errors.Is(err, errNoSignature):
		q.refusal = errMissingToken(q.service)
	case err != nil:
		q.refusal = errIncomplete(q.service, err.Error())
	case q.service != sig.service:
		q.refusal = errSignature(q.service, "Credential should be scoped to correct service: '"+q.service+"'.")
	case !s.knows(q):
		q.refusal = errUnknownOperation(q.service, q.operation, q.version)
	}
	return q, nil
}

// knows says whether the operation exists, in the API version that the client speaks.
func (s *Server) knows(q *request) bool {
	if _, ok := s.operations[q.service][q.operation]; !ok {
		return false
	}
	switch q.service {
	case iam:
		return q.version == iamVersion
	case sts:
		return q.version == stsVersion
	default:
		return true
	}
}

// readForm reads the query form: parameters of the URL, then of a form-encoded body.
func (q *request) readForm(r *http.Request) {
	q.form = parseForm(r.URL.RawQuery, q.body)
	q.operation, q.version = q.form.Get("Action"), q.form.Get("Version")
	if q.service == "" { // unsigned: guess, so that the refusal has the right form
		q.service = iam
		if q.version == stsVersion {
			q.service = sts
		}
	}
}

// parseForm joins query and body. What cannot be parsed is left out, as if it had not been sent.
func parseForm(rawQuery string, body []byte) url.Values {
	form, _ := url.ParseQuery(rawQuery)
	if form == nil {
		form = url.Values{}
	}
	posted, _ := url.ParseQuery(string(body))
	for name, values := range posted {
		form[name] = append(form[name], values...)
	}
	return form
}

// describe fills in what the call log and the faults go by.
func (q *request) describe(r *http.Request) {
	q.call = Call{Service: q.service, Region: q.region, Operation: q.operation, KeyID: q.sig.keyID, Agent: r.Header.Get("User-Agent")}
	if q.form != nil {
		q.call.User = q.form.Get("UserName")
		q.call.Target = q.form.Get("AccessKeyId")
		if q.operation == "AssumeRole" {
			q.call.Target = q.form.Get("RoleArn")
		}
		return
	}
	var names struct{ SecretId, Name string } //nolint:revive // AWS's spelling
	_ = json.Unmarshal(q.body, &names)        // a bad document is refused by its operation
	q.call.Target = names.SecretId
	if q.call.Target == "" {
		q.call.Target = names.Name
	}
}

// decode reads a JSON service's document into v.
func (q *request) decode(v any) error {
	if err := json.Unmarshal(q.body, v); err != nil {
		return refuse(http.StatusBadRequest, "SerializationException", "the request is not the JSON document that %s takes", q.operation)
	}
	return nil
}
