package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// sentence says a reason to wait in plain words, for status and narration.
// Reasons to halt have theirs in rotator.Advise; one without words stands for
// itself.
func sentence(reason rotator.Reason) string {
	words := map[rotator.Reason]string{
		rotator.ReasonNotDue:          "its key is young enough",
		rotator.ReasonSettling:        "IAM's lists may lie for a while, so what they show is not believed yet",
		rotator.ReasonSpacing:         "the next sign-in of the new key is a little later, to see that it works for good",
		rotator.ReasonOverlap:         "both keys work while every consumer moves to the new one",
		rotator.ReasonUnadopted:       "nobody but keyrotator has used the new key yet",
		rotator.ReasonReloading:       "a consumer is being restarted with the new key",
		rotator.ReasonReloadFailing:   "a consumer could not be told to take the new key, or cannot be asked",
		rotator.ReasonSoaking:         "the consumers that have the new key run with it for a while before the next wave",
		rotator.ReasonAwaitingAck:     "a consumer is to tell that it has the new key: keyrotator ack",
		rotator.ReasonAckOverdue:      "a consumer should have told by now that it has the new key: keyrotator ack",
		rotator.ReasonUnprobed:        "a consumer has not passed its probe often enough yet",
		rotator.ReasonDrift:           "a store does not hold the key in use any more",
		rotator.ReasonInUse:           "somebody used the old key a moment ago",
		rotator.ReasonUseUnknown:      "AWS does not tell when the old key was used last, and unknown is not unused",
		rotator.ReasonTrial:           "the old key is inactive but not deleted, in case somebody misses it",
		rotator.ReasonNoDate:          "AWS's answer had no date, and graces are measured on AWS's clock alone",
		rotator.ReasonThrottled:       "AWS or a store asked for fewer requests",
		rotator.ReasonDenied:          "AWS or a store denied the permission",
		rotator.ReasonUnavailable:     "AWS gave no clear answer",
		rotator.ReasonNotSignedIn:     "the new key does not sign in yet; AWS takes seconds to make one known",
		rotator.ReasonStoreUnreadable: "a store cannot be read",
		rotator.ReasonStoreForeign:    "a store holds what keyrotator did not write",
		rotator.ReasonStoreFailing:    "a store failed",
		rotator.ReasonHalted:          "it needs a person",
		rotator.ReasonPaused:          "it is paused",
		rotator.ReasonPausedAll:       "all users are paused",
		rotator.ReasonBreaker:         "the breaker is open: too many users were halted",
		rotator.ReasonObserveOnly:     "the configuration lets it observe only",
		rotator.ReasonNoDelete:        "the configuration keeps old keys, inactive",
		rotator.ReasonFrozen:          "a freeze is in force",
		rotator.ReasonOutsideWindow:   "the next maintenance window is not open yet",
		rotator.ReasonUnmanaged:       "the configuration no longer names it",
		rotator.ReasonProbeFailed:     "a consumer fails its probe",
	}
	if text, ok := words[reason]; ok {
		return text
	}
	if advice, ok := rotator.Advise(reason, rotator.User{}); ok {
		return advice.Sentence
	}
	return string(reason)
}

// short is a key as people tell keys apart: by its last four characters.
func short(key rotator.KeyID) string {
	if key == "" {
		return ""
	}
	return "…" + key.Last4()
}

// roughly renders a duration by its one or two largest units.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "-" + roughly(-d)
	case d >= 10*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d >= 10*time.Second:
		return fmt.Sprintf("%ds", d/time.Second)
	default:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
}

// clock renders an instant for a table: the time alone on the same day.
func clock(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	at, now = at.Local(), now.Local()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("2006-01-02 15:04")
}

// stamp renders an instant for machines, empty for none.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// callNames are the services as people call them, in the order of printing.
func callNames() [][2]string {
	return [][2]string{{"iam", "IAM"}, {"sts", "STS"}, {"secretsmanager", "Secrets Manager"}, {"ssm", "SSM"}}
}

// countedCalls renders counts of calls: "IAM calls: 10, STS calls: 6".
func countedCalls(calls map[string]int) string {
	var parts []string
	known := map[string]bool{}
	for _, s := range callNames() {
		known[s[0]] = true
		if n := calls[s[0]]; n > 0 || s[0] == "iam" {
			parts = append(parts, fmt.Sprintf("%s calls: %d", s[1], n))
		}
	}
	for _, service := range slices.Sorted(maps.Keys(calls)) {
		if !known[service] {
			parts = append(parts, fmt.Sprintf("%s calls: %d", service, calls[service]))
		}
	}
	return strings.Join(parts, ", ")
}

// nearest is the known name fewest letters away from a misspelt one, empty when
// none is near.
func nearest(name string, known []string) string {
	best, least := "", 1+max(1, len(name)/4)
	for _, k := range known {
		if d := edits(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two short names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
