// Package journal keeps the durable record of the rotation: it implements
// rotator.Journal on SQLite and PostgreSQL (Open) and in memory (NewMemory), and
// adds what command line, metrics, start-up and replicas need besides.
//
// One row a user is state, timer and lock in one. Every write of it is a
// compare-and-swap on version and random owner, in one transaction with its
// history, which is a chain of hashes (see Link), and with the secrets put
// into or erased from custody. What the tables and columns mean, and how a
// journal is backed up and restored, is in docs/journal.md.
//
// Five rules that the interface leaves open:
//
//   - A claim excludes everybody, also the owner that holds it: a second claim
//     by the same owner fails with rotator.ErrClaimed until the first is
//     released or its lease is over. Two goroutines of one process are as
//     dangerous to each other as two processes. Every claim takes a new
//     version, so that a step whose lease ran out cannot save after the next
//     one began, be it of the same owner.
//   - A claim that was not released is due when its lease ends, whatever the
//     row's due time says: its owner died in the middle of a step.
//   - A wake during a claim is not lost: saves under that claim keep the row's
//     due time at the instant of the wake, or earlier.
//   - Rows of a newer version are left out of Due, so that they cost nothing;
//     Claim refuses them, Rows shows them, and Readable tells them apart.
//   - Of replicas with different configurations only those with the latest one
//     can claim (Enforce); to the others every user is claimed.
//
// The SQL is common to SQLite and PostgreSQL; what differs is in dialect.go.
package journal
