package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/keyrotator/keyrotator/store"
)

// ErrMissing says that there is no such object.
var ErrMissing = errors.New("does not exist")

// unsent is an error from before anything was sent.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

// unanswered describes a call that got no answer. One that writes may have
// written, unless nothing can have been sent.
func unanswered(ctx context.Context, r request, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	what := fmt.Errorf("%s %s: %w", r.verb, r.object, err)
	var before unsent
	var network *net.OpError
	notSent := errors.As(err, &before) || errors.As(err, &network) && network.Op == "dial"
	if r.writes() && !notSent {
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, what)
	}
	return what
}

// refusal turns an answer that is not a success into one of our errors.
//
// The statuses and reasons are those of apimachinery's metav1.StatusReason. The
// message is shown only where this program knows its form: admission webhooks
// and validation write their own, and they may quote what was sent.
func refusal(r request, status int, answer []byte) error {
	var told metav1.Status
	if err := json.Unmarshal(answer, &told); err != nil || told.Kind != "Status" {
		told = metav1.Status{}
	}
	what := fmt.Sprintf("%s %s", r.verb, r.object)
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: %s: the API server does not accept this program's own credentials", store.ErrDenied, what)
	case http.StatusForbidden:
		return forbidden(r, what, told)
	case http.StatusNotFound:
		if told.Details != nil && told.Details.Kind == "namespaces" {
			return fmt.Errorf("%s: namespace %s %w; create it", what, r.object.Namespace, ErrMissing)
		}
		return fmt.Errorf("%s: %w", what, ErrMissing)
	case http.StatusConflict:
		return fmt.Errorf("%w: %s", store.ErrConflict, what)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s", store.ErrThrottled, what)
	case http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%s: it would be larger than the API server takes (a Secret holds at most 1 MiB)", what)
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("%s: the API server calls %s invalid%s", what, fields(told), unshown)
	}
	err := fmt.Errorf("%s: the API server answers %d%s", what, status, reason(told))
	if status >= http.StatusInternalServerError && r.writes() {
		// Such as "the request timed out": the write may have happened.
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
	}
	return err
}

// unshown tells why a message is left out.
const unshown = " (its message is not shown, because it may quote the value; the API server's audit log has it)"

// notPermitted is how RBAC's refusals begin: `secrets "x" is forbidden: User "y"
// cannot patch resource "secrets" in API group …` (apiserver,
// ForbiddenStatusError). Applying what does not exist asks for create as well.
var notPermitted = regexp.MustCompile(`^[a-z0-9.]+(?: "[^"]*")? is forbidden: User "([^"]+)" cannot ([a-z]+) resource "[a-z]+" in API group "`)

// forbidden tells missing permission from an admission rule's refusal.
func forbidden(r request, what string, told metav1.Status) error {
	found := notPermitted.FindStringSubmatch(told.Message)
	if found == nil {
		return fmt.Errorf("%w: %s: an admission rule of the cluster forbids it%s", store.ErrDenied, what, unshown)
	}
	if found[1] == "system:anonymous" {
		return fmt.Errorf("%w: %s: the API server saw no credentials; see what the kubeconfig gives (a token is sent over TLS only)", store.ErrDenied, what)
	}
	needed := Access{found[2], r.object}
	return fmt.Errorf("%w: user %s may not %s; %s", store.ErrDenied, found[1], needed, Grant([]Access{needed}))
}

// fields names what a validation is about.
func fields(told metav1.Status) string {
	var names []string
	if told.Details != nil {
		for _, cause := range told.Details.Causes {
			if cause.Field != "" && !slices.Contains(names, cause.Field) {
				names = append(names, cause.Field)
			}
		}
	}
	if names == nil {
		return "it"
	}
	return strings.Join(names, ", ")
}

func reason(told metav1.Status) string {
	if told.Reason == "" {
		return ""
	}
	return " (" + string(told.Reason) + ")"
}
