// Package dispatch spreads the users over replicas: it runs River (River's
// queue lives in the journal's own PostgreSQL) and has it wake whichever
// replica is free when a user is due.
//
// A job is a wake-up and nothing else. It names a user and carries no state:
// what is to be done is in the user's journal row, and who may do it is decided
// by the claim on that row. A wake-up that is lost, doubled, early or discarded
// can therefore never hurt a cycle:
//
//   - Lost: every replica asks the journal from time to time for users that are
//     overdue, and wakes them again. It also frees the wake-up that a dead
//     replica was working on, once the dead one's claim has run out.
//   - Doubled, or run again by River's rescuer while the first worker still
//     lives: the second finds the user claimed, and comes back later. River has
//     no fence of its own; the journal's compare-and-swap is the fence.
//   - Early: the step finds nothing to do, and says when to come back.
//
// The save that ends a step completes the job and inserts the next one in the
// same transaction, so that there is always exactly one wake-up for a user who
// waits for something.
//
// There is one kind of job for ever, so that any two versions beside each other
// understand each other's wake-ups. Wake-ups are unique by user among those
// that are not finished; River's default would count completed ones, too, and
// silently drop the next.
//
// River schedules by the database's clock and due times are of the replicas'
// clocks. Each replica measures how far the two are apart and adds it, so that a
// database whose clock is hours off wakes nobody too early or too late.
package dispatch
