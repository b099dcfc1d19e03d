package hook

import (
	"fmt"
	"net"
	"net/http"

	"github.com/keyrotator/keyrotator/store"
)

// DeniedHint says what to look at when a receiver denies access.
const DeniedHint = "see that the receiver knows the signing key and its id, that both clocks are right, and that the token is good"

// Err turns an answer into an error of package store, nil for 2xx. conflict is
// what 409 and 412 mean to whoever asked. After a try that may have had effect,
// no later refusal proves that nothing was changed.
func (a Answer) Err(conflict error) error {
	err := a.meaning(conflict)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: the receiver answered %d %s", err, a.Status, http.StatusText(a.Status))
	if a.Status >= 300 && a.Status < 400 {
		err = fmt.Errorf("%w, and redirects are not followed: configure the address it has now", err)
	}
	if a.Said != "" {
		err = fmt.Errorf("%w: %s", err, a.Said)
	}
	if a.Unsure {
		err = fmt.Errorf("%w: an earlier try may have had effect: %s", store.ErrAmbiguous, err.Error())
	}
	return err
}

func (a Answer) meaning(conflict error) error {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return store.ErrDenied
	case http.StatusConflict, http.StatusPreconditionFailed:
		return conflict
	case http.StatusTooManyRequests:
		return store.ErrThrottled
	}
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.unclear():
		return store.ErrAmbiguous
	default:
		return ErrRefused
	}
}

// NoOptions reports that somebody answered who merely does not know OPTIONS
// (RFC 9110, sections 15.5.6 and 15.6.2).
func (a Answer) NoOptions() bool {
	return a.Status == http.StatusMethodNotAllowed || a.Status == http.StatusNotImplemented
}

// unclear reports whether the receiver may have done what it was asked.
func (a Answer) unclear() bool { return a.Status >= 500 || a.Status == http.StatusRequestTimeout }

// passing reports whether the same request may fare better soon.
func (a Answer) passing() bool {
	return a.unclear() || a.Status == http.StatusTooManyRequests
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
