package rotator

// Reason is why a decision was taken. It is metric label, log field, text of
// the command line and name in the golden tables; a released value never
// changes its meaning.
type Reason string
