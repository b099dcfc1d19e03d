package rotator

import (
	"cmp"
	"time"
)

// Verb is what a decision does next. Verbs are verbs of the metric label and
// of the history.
type Verb string

// The verbs. Those of the first group change nothing outside the journal.
const (
	VerbWait      Verb = "wait"
	VerbObserve   Verb = "observe"
	VerbAdopt     Verb = "adopt"
	VerbOpen      Verb = "open"      // begin a cycle
	VerbSuspect   Verb = "suspect"   // what was seen contradicts the journal: look again after settle
	VerbClear     Verb = "clear"     // the suspicion was a stale answer
	VerbAbandon   Verb = "abandon"   // no key came of the create: begin anew
	VerbRecognise Verb = "recognise" // a key is our own orphan: watch it, then retire it
	VerbForget    Verb = "forget"    // the journal contradicts AWS: rebuild from what is there
	VerbHeal      Verb = "heal"      // write every store again, because the old key is still used
	VerbRepin     Verb = "repin"     // the configuration has a new consumer: push it, restart the overlap
	VerbAccept    Verb = "accept"    // the old key was found Inactive: go on from there
	VerbClose     Verb = "close"     // the old key was found deleted: the cycle is over
	VerbReloaded  Verb = "reloaded"  // the reload is complete and the consumer healthy
	VerbVerify    Verb = "verify"    // every required consumer has the kept key: the overlap begins
	VerbConfirm   Verb = "confirm"   // somebody else than this program has used the kept key
	VerbDrift     Verb = "drift"     // a store holds something else while no cycle is open
	VerbWithdraw  Verb = "withdraw"  // the permission to destroy is gone: back to waiting
	VerbHalt      Verb = "halt"
	VerbPause     Verb = "pause"
	VerbResume    Verb = "resume"
	VerbReject    Verb = "reject"    // refuse an operator's request
	VerbTurn      Verb = "turn-back" // begin the way back, on an operator's request
	VerbAsk       Verb = "ask"       // an operator wants the rotation now
	VerbAck       Verb = "ack"       // a consumer says that it has the kept key
	VerbHurry     Verb = "hurry"     // an operator declared the old key compromised mid-cycle

	VerbCreate     Verb = "create"
	VerbProve      Verb = "prove"
	VerbPush       Verb = "push"
	VerbProbe      Verb = "probe"
	VerbStage      Verb = "stage"  // into the store of record, unseen by its readers
	VerbReload     Verb = "reload" // make a consumer take what its store holds
	VerbRestore    Verb = "restore"
	VerbDeactivate Verb = "deactivate"
	VerbReactivate Verb = "reactivate"
	VerbDelete     Verb = "delete"
	VerbDiscard    Verb = "discard" // delete our own key that no store ever held
)

// Destructive reports whether the verb needs a Proof.
func (v Verb) Destructive() bool {
	return v == VerbDeactivate || v == VerbDelete || v == VerbDiscard
}

// Effect reports whether the verb changes something outside the journal or
// asks something of a consumer, and so needs an intent first.
func (v Verb) Effect() bool {
	switch v {
	case VerbCreate, VerbProve, VerbStage, VerbPush, VerbReload, VerbProbe, VerbRestore, VerbReactivate:
		return true
	default:
		return v.Destructive()
	}
}

// Decision is the one next step of a user.
type Decision struct {
	Verb     Verb   `json:"verb"`
	Key      KeyID  `json:"key,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	// Reason is why, always set.
	Reason Reason `json:"reason"`
	// Detail names what the reason is about, for people.
	Detail string `json:"detail,omitempty"`
	// Until is when to look again, for a wait; zero means on a request or a sweep.
	Until time.Time `json:"until,omitzero"`
	// Needs is what an observe must look at.
	Needs Needs `json:"needs,omitzero"`
	// Request is the operator's request this carries out, zero for none.
	Request int64 `json:"request,omitempty"`
	// Opening is what a cycle begins with, or pins anew.
	Opening *Opening `json:"opening,omitempty"`
	// Asked is the request to rotate that a VerbAsk records.
	Asked *Request `json:"asked,omitempty"`
	// Unable records that the effect cannot be had, without trying it.
	Unable bool `json:"unable,omitempty"`
	// Halts stops the user for a person to decide, once the effect is done.
	Halts bool `json:"halts,omitempty"`
	// Backoff marks a wait after a failure: attempts are counted.
	Backoff bool `json:"backoff,omitempty"`
}

// Needs says what the next decision must know of the world. The listing of
// keys is always read last.
type Needs struct {
	Keys     bool  `json:"keys,omitempty"`
	Identity bool  `json:"identity,omitempty"`
	Stores   bool  `json:"stores,omitempty"`
	History  bool  `json:"history,omitempty"` // what the record store held before
	Check    bool  `json:"check,omitempty"`   // preflight of every store
	UseOf    KeyID `json:"use_of,omitempty"`
	SignIn   KeyID `json:"sign_in,omitempty"`
	// Reload names the consumer whose reload is looked at.
	Reload string `json:"reload,omitempty"`
}

// Covers reports whether having looked at n answers what want asks.
func (n Needs) Covers(want Needs) bool {
	return (n.Keys || !want.Keys) && (n.Identity || !want.Identity) && (n.Stores || !want.Stores) &&
		(n.History || !want.History) && (n.Check || !want.Check) &&
		(want.UseOf == "" || want.UseOf == n.UseOf) && (want.SignIn == "" || want.SignIn == n.SignIn) &&
		(want.Reload == "" || want.Reload == n.Reload)
}

// and adds what others asks for; of two keys or consumers n's is meant.
func (n Needs) and(others Needs) Needs {
	return Needs{
		Keys: n.Keys || others.Keys, Identity: n.Identity || others.Identity, Stores: n.Stores || others.Stores,
		History: n.History || others.History, Check: n.Check || others.Check,
		UseOf: cmp.Or(n.UseOf, others.UseOf), SignIn: cmp.Or(n.SignIn, others.SignIn), Reload: cmp.Or(n.Reload, others.Reload),
	}
}
