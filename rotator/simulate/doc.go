// Package simulate lives through whole histories of one user: weeks of faults
// that chance puts between any two calls, and then a time without any. It runs
// the real decisions, the real executor and a real journal, with several
// replicas that are coroutines on a clock of their own. A seed is one history,
// and the same seed is always the same one. Half of the histories live under a
// policy of days, with 20 days of faults and 34 without; the other half under
// one of hours, where all times, a clock's jump too, are shorter.
//
// What is simulated:
//
//   - IAM with its quota of two keys, lists that are up to a minute old, keys
//     that work late and are refused again, a last use that is told hours late,
//     in steps of a quarter of an hour, or not at all.
//   - Stores that can be read, that can only be written, and that take secret
//     and id in two writes; writes that are confirmed and lost.
//   - Consumers that read their store at once, hourly or weekly, as declared;
//     one that reads less often than it declares; and one that nobody knows of.
//     What the last two suffer is counted apart.
//   - Replicas that are killed, paused for seconds or for days in the middle of
//     a call, also between the fence and the wire; clocks that differ and jump.
//   - A journal whose writes fail or lose their answer, that is lost, or that is
//     put back to an older state.
//   - Persons who make a second key, switch the old one on, put an old key back
//     into a store, roll back and resume.
//
// Two races that IAM cannot close are left out by name: R1, a person switches a
// key on between the last look and its delete, and R5, a person makes a key
// between a create's intent and the first list after it. What persons do, they
// do while no replica is in the middle of a step, and lists show it at once.
package simulate
