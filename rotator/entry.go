package rotator

import "time"

// Kind says what a history entry records.
type Kind string

// The kinds of entries. Readers skip a kind they do not know; the fold of a
// row refuses it (ErrUnreadable), because it may mean an effect.
const (
	// KindAdopted: Key is the user's key in use.
	KindAdopted Kind = "adopted"
	// KindOpened: a cycle began, with its policy and consumers pinned.
	KindOpened Kind = "opened"
	// KindIntent: the effect Verb on Key or Consumer is about to be tried.
	KindIntent Kind = "intent"
	// KindDone: the effect happened.
	KindDone Kind = "done"
	// KindFailed: the effect surely did not happen, and the intent is closed.
	KindFailed Kind = "failed"
	// KindUnclear: no clear answer came; the intent stays open.
	KindUnclear Kind = "unclear"
	// KindNoted: a decision that changes the record alone; Verb says which.
	KindNoted Kind = "noted"
	// KindHalted: the cycle stops until a person decides.
	KindHalted Kind = "halted"
	// KindRequest: an operator's request was taken up, or refused with a Detail.
	KindRequest Kind = "request"
)

// Entry is one row of a user's history. Entries are facts that happened, in
// order; Progress is their fold, and nothing else decides what they mean.
// Entries never hold a secret.
type Entry struct {
	Kind Kind `json:"kind"`
	// At is the local clock, for people; Date is AWS's clock, for graces,
	// zero when no answer of AWS carried one.
	At   time.Time `json:"at"`
	Date time.Time `json:"date,omitzero"`
	// Cycle is the number of the open cycle, zero outside one.
	Cycle    int    `json:"cycle,omitempty"`
	Verb     Verb   `json:"verb,omitempty"`
	Key      KeyID  `json:"key,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	Reason   Reason `json:"reason,omitempty"`
	Detail   string `json:"detail,omitempty"`
	// Request is the operator's request that this carries out; it names every override.
	Request int64 `json:"request,omitempty"`
	// UserID and ARN belong to KindAdopted, Created also to a done create.
	UserID  string    `json:"user_id,omitempty"`
	ARN     string    `json:"arn,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Asked is the request to rotate that waits for its cycle to open.
	Asked *Request `json:"asked,omitempty"`
	// Opening belongs to KindOpened, and to what pins anew.
	Opening *Opening `json:"opening,omitempty"`
	// Before are the keys listed right before a create.
	Before []KeyID `json:"before,omitempty"`
	// Use is the old key's last use as the cut knew it.
	Use time.Time `json:"use,omitzero"`
	// Calls are the service calls made since the entry before.
	Calls map[string]int `json:"calls,omitempty"`
}

// Opening is what a cycle pins when it begins.
type Opening struct {
	Purpose   Purpose  `json:"purpose"`
	Policy    Policy   `json:"policy"`
	Consumers []Pinned `json:"consumers"`
	Retire    KeyID    `json:"retire,omitempty"`
	Keep      KeyID    `json:"keep,omitempty"`
	Emergency bool     `json:"emergency,omitempty"`
	CutFirst  bool     `json:"cut_first,omitempty"`
	// Made is when the kept key was created, by IAM's list.
	Made time.Time `json:"made,omitzero"`
	// Phase is where the cycle begins; rebuilt cycles begin in the middle.
	Phase Phase `json:"phase"`
}

// Pinned is a consumer as a cycle pinned it.
type Pinned struct {
	// Name is the store's kind and location.
	Name      string        `json:"name"`
	Required  bool          `json:"required"`
	Record    bool          `json:"record,omitempty"`
	Readable  bool          `json:"readable"`
	Refreshes time.Duration `json:"refreshes,omitempty"`
	// Wave orders the required consumers: a wave is served once those before it
	// are done and have soaked. Canaries are wave -1, all others 0 unless said.
	Wave int           `json:"wave,omitempty"`
	Soak time.Duration `json:"soak,omitempty"`
	// Staged: the store of record takes the key unseen before its wave comes.
	Staged bool `json:"staged,omitempty"`
	// Reloaded consumers are made to take the key, within ReloadLimit.
	Reloaded    bool          `json:"reloaded,omitempty"`
	ReloadLimit time.Duration `json:"reload_limit,omitempty"`
	// Probed consumers must pass Probes probes in a row, ProbeEvery apart; zero
	// means once.
	Probed     bool          `json:"probed,omitempty"`
	Probes     int           `json:"probes,omitempty"`
	ProbeEvery time.Duration `json:"probe_every,omitempty"`
	// Acked consumers tell by a request that they have the key. After AckWithin
	// it is overdue, which changes nothing but what people are told.
	Acked     bool          `json:"acked,omitempty"`
	AckWithin time.Duration `json:"ack_within,omitempty"`
}
