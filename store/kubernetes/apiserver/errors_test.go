package apiserver

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/keyrotator/keyrotator/store"
)

// Whatever the server says, no answer is shown that could quote what was sent.
func FuzzNoRefusalQuotesTheServer(f *testing.F) {
	for _, status := range []int{
		http.StatusFound, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError,
	} {
		for _, message := range []string{
			"", `secrets "aws" is forbidden: `, `secrets "aws" is forbidden: User "x" cannot patch resource "secrets" in API group "" in the namespace "ci": `,
			`secrets "aws" is forbidden: exceeded quota: `, `secrets "aws" is forbidden: User "`,
		} {
			f.Add(status, message, true)
			f.Add(status, message, false)
		}
	}
	r := request{verb: "patch", method: http.MethodPatch, object: Object{Version: "v1", Resource: "secrets", Namespace: "ci", Name: "aws"}}
	f.Fuzz(func(t *testing.T, status int, message string, encoded bool) {
		answer := []byte(message + "canary-secret")
		if encoded {
			told := metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status"}, Message: string(answer),
				Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: "data", Message: string(answer)}}},
			}
			var err error
			if answer, err = json.Marshal(told); err != nil {
				t.Fatal(err)
			}
		}
		err := refusal(r, status, answer)
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "aws") {
			t.Errorf("%d: %v", status, err)
		}
	})
}

func TestOnlyAWriteThatMayHaveArrivedIsInDoubt(t *testing.T) {
	write, dry, read := request{verb: "patch", method: http.MethodPatch}, request{verb: "patch", method: http.MethodPatch}, request{verb: "get", method: http.MethodGet}
	dry.query = url.Values{"dryRun": {"All"}}
	reset := &net.OpError{Op: "read", Err: errors.New("reset by peer")}
	dial := &url.Error{Op: "Patch", URL: "https://x", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}
	for _, x := range []struct {
		name    string
		request request
		err     error
		want    bool
	}{
		{"a write whose answer is lost", write, reset, true},
		{"a write to nobody", write, dial, false},
		{"a write that could not be made", write, unsent{reset}, false},
		{"a dry run", dry, reset, false},
		{"a read", read, reset, false},
	} {
		if err := unanswered(t.Context(), x.request, x.err); errors.Is(err, store.ErrAmbiguous) != x.want || !strings.Contains(err.Error(), x.err.Error()) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

func TestAnObjectIsFoundWhereTheAPIHasIt(t *testing.T) {
	for want, o := range map[string]Object{
		"api/v1/namespaces/ci/secrets/aws":                              {Version: "v1", Resource: "secrets", Namespace: "ci", Name: "aws"},
		"apis/apps/v1/namespaces/ci/deployments":                        {Group: "apps", Version: "v1", Resource: "deployments", Namespace: "ci"},
		"apis/authorization.k8s.io/v1/selfsubjectaccessreviews":         {Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"},
		"api/v1/namespaces/..%2F..%2Fkube-system/secrets/a%2Fb%3Fc=%23": {Version: "v1", Resource: "secrets", Namespace: "../../kube-system", Name: "a/b?c=#"},
	} {
		if got := o.path(); got != want {
			t.Errorf("path of %s = %q, want %q", o, got, want)
		}
	}
}
