package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	sdk "github.com/google/go-github/v93/github"

	"github.com/keyrotator/keyrotator/store"
)

// unsentError is an error of what precedes a write: nothing was written.
type unsentError struct{ error }

func (u unsentError) Unwrap() error { return u.error }

// permissionList is what X-Accepted-GitHub-Permissions may say.
var permissionList = regexp.MustCompile(`^[a-z_]+=[a-z]+([,;] ?[a-z_]+=[a-z]+)*$`)

// refusal turns an error of a call into one of ours, naming the permission that
// the call needs. GitHub's own messages are left out: they may quote what was
// sent.
func (s *Store) refusal(err error, permission string) error {
	if limited := throttled(err); limited != nil {
		return limited
	}
	if moved, ok := errors.AsType[*sdk.RedirectionError](err); ok {
		return fmt.Errorf("GitHub answered with a redirect (%d), as for a repository that was renamed or moved; correct the configuration", moved.StatusCode)
	}
	if answer, ok := errors.AsType[*sdk.ErrorResponse](err); ok && answer.Response != nil {
		return s.answered(answer.Response, permission)
	}
	if _, ok := errors.AsType[*sdk.TwoFactorAuthError](err); ok {
		return fmt.Errorf("%w: GitHub asks for a second factor; use a token", store.ErrDenied)
	}
	return err
}

// answered describes an answer by its status (GitHub Docs, "Troubleshooting the
// REST API").
func (s *Store) answered(response *http.Response, permission string) error {
	switch code := response.StatusCode; code {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: GitHub does not accept the token: it is wrong, expired or revoked", store.ErrDenied)
	case http.StatusForbidden:
		if wants := response.Header.Get("X-Accepted-Github-Permissions"); permissionList.MatchString(wants) {
			permission += " (GitHub asks for " + wants + ")"
		}
		return fmt.Errorf("%w: allow %s; where single sign-on is enforced, authorize the token for the organization", store.ErrDenied, permission)
	case http.StatusNotFound:
		return fmt.Errorf("%s does not exist, or is hidden from this token; check its name, and allow %s", s.place.name(), permission)
	case http.StatusConflict:
		return fmt.Errorf("%w: GitHub answered 409", store.ErrConflict)
	case http.StatusUnprocessableEntity:
		return errors.New("GitHub does not take the value, the name or the public key's id (422); " +
			"it has at most 100 secrets a repository, and reserves names that begin with GITHUB_")
	default:
		return fmt.Errorf("GitHub answered %d", code)
	}
}

// throttled describes both limits of GitHub, and returns nil for other errors
// (GitHub Docs, "Rate limits for the REST API").
func throttled(err error) error {
	if limit, ok := errors.AsType[*sdk.RateLimitError](err); ok {
		return fmt.Errorf("%w: the token's rate limit is used up until %s", store.ErrThrottled, limit.Rate.Reset.UTC().Format(time.RFC3339))
	}
	if limit, ok := errors.AsType[*sdk.AbuseRateLimitError](err); ok {
		if limit.RetryAfter != nil {
			return fmt.Errorf("%w: GitHub's secondary rate limit; it asks to wait %s", store.ErrThrottled, *limit.RetryAfter)
		}
		return fmt.Errorf("%w: GitHub's secondary rate limit", store.ErrThrottled)
	}
	answer, ok := errors.AsType[*sdk.ErrorResponse](err)
	if !ok || answer.Response == nil {
		return nil
	}
	if answer.Response.StatusCode == http.StatusTooManyRequests ||
		answer.Response.StatusCode == http.StatusForbidden && answer.Response.Header.Get("Retry-After") != "" {
		return fmt.Errorf("%w: GitHub answered %d and asks to wait", store.ErrThrottled, answer.Response.StatusCode)
	}
	return nil
}

// lost turns an error of a write into one of ours: what GitHub did not refuse in
// so many words may have happened.
func (s *Store) lost(ctx context.Context, err error, permission string) error {
	if before, ok := errors.AsType[unsentError](err); ok {
		return s.refusal(before.error, permission)
	}
	refused := throttled(err) != nil
	if answer, ok := errors.AsType[*sdk.ErrorResponse](err); ok && answer.Response != nil && answer.Response.StatusCode < http.StatusInternalServerError {
		refused = true
	}
	if _, ok := errors.AsType[*sdk.RedirectionError](err); ok {
		refused = true
	}
	if _, ok := errors.AsType[*sdk.TwoFactorAuthError](err); ok {
		refused = true
	}
	switch {
	case refused:
		return s.refusal(err, permission)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, ctx.Err())
	}
	return fmt.Errorf("%w: %w", store.ErrAmbiguous, s.refusal(err, permission))
}
