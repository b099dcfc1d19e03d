package main

import (
	"fmt"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// tone is how a line of the narration is coloured.
type tone int

const (
	toneQuiet tone = iota
	toneGood
	toneWarn
	toneBad
)

func (p paint) toned(t tone, text string) string {
	switch t {
	case toneGood:
		return p.good(text)
	case toneWarn:
		return p.warn(text)
	case toneBad:
		return p.bad(text)
	default:
		return text
	}
}

// tell says a history entry in plain words with its reason. The progress is the
// user's after the entry, or later. An empty text is not worth a line.
func tell(e rotator.Entry, p rotator.Progress) (string, tone) {
	switch e.Kind {
	case rotator.KindAdopted:
		return fmt.Sprintf("its key in use is %s, made on %s", short(e.Key), e.Created.Format(time.DateOnly)), toneQuiet
	case rotator.KindOpened:
		return tellOpening(e)
	case rotator.KindIntent:
		return tellIntent(e)
	case rotator.KindDone:
		return tellDone(e, p)
	case rotator.KindFailed:
		if e.Verb == rotator.VerbProve {
			return fmt.Sprintf("new key %s is refused again, as AWS's new keys may be → it must sign in anew", short(e.Key)), toneWarn
		}
		return fmt.Sprintf("%s did not happen: %s", verbWords(e.Verb), because(e)), toneWarn
	case rotator.KindUnclear:
		if e.Reason == rotator.ReasonDenied || e.Reason == rotator.ReasonThrottled || e.Reason == rotator.ReasonStoreForeign {
			return fmt.Sprintf("%s is tried again: %s", verbWords(e.Verb), because(e)), toneWarn
		}
		return fmt.Sprintf("%s may have happened, so its intent stays open: %s", verbWords(e.Verb), because(e)), toneWarn
	case rotator.KindNoted:
		return tellNote(e)
	case rotator.KindHalted:
		return "halted, it needs a person: " + because(e), toneBad
	case rotator.KindRequest:
		return tellRequest(e)
	default:
		return "", toneQuiet
	}
}

func because(e rotator.Entry) string {
	text := sentence(e.Reason)
	if e.Detail != "" {
		text += ": " + clip(e.Detail, 140)
	}
	return text
}

// clip shortens what AWS had to say; history has all of it.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

func verbWords(v rotator.Verb) string {
	words := map[rotator.Verb]string{
		rotator.VerbCreate:     "the creation of the new key",
		rotator.VerbProve:      "the sign-in with the new key",
		rotator.VerbPush:       "the write of the new key",
		rotator.VerbProbe:      "the probe",
		rotator.VerbRestore:    "the write of the old key",
		rotator.VerbDeactivate: "the deactivation of the old key",
		rotator.VerbReactivate: "the reactivation of the old key",
		rotator.VerbDelete:     "the deletion of the old key",
		rotator.VerbDiscard:    "the deletion of the unused new key",
	}
	if text, ok := words[v]; ok {
		return text
	}
	return string(v)
}

func tellOpening(e rotator.Entry) (string, tone) {
	if e.Opening == nil {
		return "", toneQuiet
	}
	switch {
	case e.Reason == rotator.ReasonRebuilt:
		return fmt.Sprintf("found a rotation of its own under way: %s is to replace %s", short(e.Opening.Keep), short(e.Opening.Retire)), toneWarn
	case e.Opening.Purpose == rotator.PurposeEvict:
		return fmt.Sprintf("begins to retire %s, as an operator asked", short(e.Opening.Retire)), toneQuiet
	case e.Opening.Purpose == rotator.PurposeBootstrap:
		return "it has no key and may get its first one", toneQuiet
	}
	why := map[rotator.Reason]string{
		rotator.ReasonDue:       "is too old",
		rotator.ReasonAsked:     "is to be replaced now, as an operator asked",
		rotator.ReasonEmergency: "is compromised, an operator says",
	}[e.Reason]
	return fmt.Sprintf("%s %s → its rotation begins", short(e.Opening.Retire), why), toneQuiet
}

func tellIntent(e rotator.Entry) (string, tone) {
	switch e.Verb {
	case rotator.VerbCreate:
		return "writes down that it is about to create a key, then asks IAM for one", toneQuiet
	case rotator.VerbDelete:
		return fmt.Sprintf("%s: nobody missed it in its trial → it may be deleted", short(e.Key)), toneQuiet
	default:
		return "", toneQuiet
	}
}

func tellDone(e rotator.Entry, p rotator.Progress) (string, tone) {
	key, c := short(e.Key), p.Cycle
	switch e.Verb {
	case rotator.VerbCreate:
		return fmt.Sprintf("new key %s → first of all its secret is sealed into the journal", key), toneGood
	case rotator.VerbProve:
		if c == nil || c.Signed == 0 {
			return fmt.Sprintf("new key %s signed in", key), toneGood
		}
		if c.Signed < c.Policy.Verify.Successes || p.Phase == rotator.PhaseProving {
			return fmt.Sprintf("new key %s signed in, %d of %d in a row", key, c.Signed, c.Policy.Verify.Successes), toneQuiet
		}
		return fmt.Sprintf("new key %s signed in %d times in a row → its secret may go out", key, c.Signed), toneGood
	case rotator.VerbPush:
		return fmt.Sprintf("%s holds %s: read back, signed in with", e.Consumer, key), toneGood
	case rotator.VerbProbe:
		return e.Consumer + " works with the new key", toneGood
	case rotator.VerbRestore:
		return fmt.Sprintf("%s holds old key %s again", e.Consumer, key), toneWarn
	case rotator.VerbDeactivate:
		if c != nil && c.Emergency {
			return fmt.Sprintf("%s is cut at once, its graces waived: it is compromised", key), toneWarn
		}
		return fmt.Sprintf("%s: unused, and all was seen live again → made inactive", key), toneGood
	case rotator.VerbReactivate:
		return fmt.Sprintf("old key %s is active again: %s", key, because(e)), toneWarn
	case rotator.VerbDelete:
		return fmt.Sprintf("%s is deleted → the cycle is closed", key), toneGood
	case rotator.VerbDiscard:
		return fmt.Sprintf("key %s, which no store ever held, is deleted", key), toneWarn
	default:
		return string(e.Verb), toneQuiet
	}
}

func tellNote(e rotator.Entry) (string, tone) {
	switch e.Verb {
	case rotator.VerbSuspect:
		return "sees what cannot be, and looks again later, as IAM's lists may lie: " + because(e), toneWarn
	case rotator.VerbClear:
		return "that was a stale answer of AWS", toneQuiet
	case rotator.VerbAbandon:
		return "no key came of it → begins anew", toneWarn
	case rotator.VerbRecognise:
		return fmt.Sprintf("key %s is its own orphan: AWS made it, the answer with its secret was lost → it is watched, then cut", short(e.Key)), toneWarn
	case rotator.VerbHeal:
		return "the old key is still used → every store is written again", toneWarn
	case rotator.VerbAccept:
		return fmt.Sprintf("key %s is inactive already → its trial begins", short(e.Key)), toneQuiet
	case rotator.VerbClose:
		return fmt.Sprintf("key %s is gone → the cycle is closed", short(e.Key)), toneGood
	case rotator.VerbWithdraw:
		return "takes its intent back: " + sentence(rotator.Reason(e.Detail)), toneWarn
	case rotator.VerbRestore:
		return e.Consumer + " keeps the new key: its old secret is not to be had", toneWarn
	default:
		return string(e.Verb) + ": " + because(e), toneWarn
	}
}

func tellRequest(e rotator.Entry) (string, tone) {
	switch e.Verb {
	case rotator.VerbReject:
		return fmt.Sprintf("request %d is refused: %s", e.Request, e.Detail), toneWarn
	case rotator.VerbAsk:
		return fmt.Sprintf("request %d is taken up: rotate now", e.Request), toneQuiet
	case rotator.VerbHurry:
		return fmt.Sprintf("request %d is taken up: the graces of this cycle are waived", e.Request), toneWarn
	case rotator.VerbTurn:
		return fmt.Sprintf("request %d is taken up: back to the old key", e.Request), toneWarn
	default:
		return fmt.Sprintf("request %d is taken up: %s", e.Request, e.Verb), toneQuiet
	}
}
