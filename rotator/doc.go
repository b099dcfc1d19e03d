// Package rotator keeps the access keys of IAM users young without ever
// breaking whoever uses them. It drives each managed user through one cycle,
// with at most two keys at any moment:
//
//	create → prove → propagate → verify → (overlap) → deactivate → (trial) → delete
//
// The package is a functional core in an imperative shell, one step at a time:
//
//	observe    look at AWS and the stores; change nothing            observe.go
//	decide     State → one Decision; pure and total                  decide*.go
//	guard      safety modes as filters of the decision; pure         guard.go
//	execute    intent → effect → outcome, each durable               execute.go, effects.go
//
// What the journal knows is Progress, the fold of the user's history
// (progress*.go). Permission to destroy is a Proof (proof.go), which only live
// reads can make. Secrets rest in custody, sealed (custody.go).
//
// # Invariants
//
// I1. Every required store always holds a key that is Active, whatever
// crashes, lost answers, throttles or concurrent replicas occur. (An empty
// store counts from its first filling.)
//
// I2. Never more than two keys. A key that this program did not create, adopt
// or recognise as its own orphan, by recorded id, is never changed.
//
// I3. A key is deactivated only after a newer key was proven and verified in
// every required consumer, the overlap and every consumer's refresh time have
// passed, and its own last use is known and older than the quiet period. It is
// deleted only after it was seen Inactive for the whole trial. Only an
// operator's recorded override waives a grace; nothing waives an identity check.
//
// I4. No effect without its intent in the journal first; a failed journal
// write stops that user's cycle. No store sees a key that has not been proven,
// nor one whose id and sealed secret are not committed.
//
// I5. No secret in a log, metric, event, error, page or notification; in the
// journal only sealed.
//
// I6. Without further faults every open cycle ends: closed, rolled back,
// halted with a reason, or visibly waiting because the old key is still in use.
//
// I7. Two replicas never act on one user at once; if they try, compare-and-swap
// lets one win and the other observes again.
//
// I8. A lost or restored journal loses nothing for users with a store of
// record: the state is rebuilt from IAM and that store and the graces start
// again; other users halt.
//
// I9. With consumers in sync the old key is gone by the maximum age: a cycle
// starts a Lead before it. Use, a freeze or a closed window outrank the
// deadline: wait, metric, alert.
//
// # Time
//
// The local clock only ever decides when to look. Whether a grace is over is
// told by two Date headers of AWS, with a second of slack for their grain; an
// answer without a date means wait.
package rotator
