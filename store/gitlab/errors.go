package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	sdk "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/keyrotator/keyrotator/store"
)

// refusal turns an error of a call into one of ours (GitLab Docs, "REST API
// troubleshooting", "Rate limits"). GitLab's own messages are left out: they may
// quote what was sent.
func (p place) refusal(status int, err error) error {
	role := "the role Maintainer"
	if p.collection == "groups" {
		role = "the role Owner"
	}
	switch status {
	case 0:
		return err
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: GitLab does not accept the token: it is wrong, expired or revoked", store.ErrDenied)
	case http.StatusForbidden:
		return fmt.Errorf("%w: give the token the scope api, and %s in %s", store.ErrDenied, role, p.description)
	case http.StatusNotFound:
		return fmt.Errorf("%s does not exist, or is hidden from this token; check its path, and give the token %s there", p.description, role)
	case http.StatusConflict:
		return fmt.Errorf("%w: several variables have this name and environment scope (409)", store.ErrConflict)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w: GitLab answered 429", store.ErrThrottled)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return p.invalid(status, err)
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusMethodNotAllowed:
		return fmt.Errorf("GitLab answered %d, as for what was renamed or moved; correct the path or the URL in the configuration", status)
	default:
		if status < http.StatusMultipleChoices {
			return errors.New("GitLab's answer could not be understood")
		}
		return fmt.Errorf("GitLab answered %d", status)
	}
}

// invalid tells the one message that matters from the others.
func (p place) invalid(status int, err error) error {
	answer, ok := errors.AsType[*sdk.ErrorResponse](err)
	if ok && strings.Contains(answer.Message, "has already been taken") {
		return fmt.Errorf("%w: somebody made the variable meanwhile", store.ErrConflict)
	}
	return fmt.Errorf("GitLab does not take the value, the name or the environment scope (%d); "+
		"a masked value has 8 characters and more and no space, and scopes of groups need GitLab Premium", status)
}

// lost turns an error of a write into one of ours: what GitLab did not refuse
// in so many words may have happened. A redirect changes nothing.
func (p place) lost(ctx context.Context, status int, err error) error {
	switch {
	case err == nil:
		return nil
	case status >= http.StatusMultipleChoices && status < http.StatusInternalServerError:
		return p.refusal(status, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, ctx.Err())
	}
	return fmt.Errorf("%w: %w", store.ErrAmbiguous, p.refusal(status, err))
}
