// Package telemetry tells people and machines what the rotation does. It is
// the only part of the rotator that knows zap and Prometheus.
//
//   - NewLogger and NewLog turn events into log lines, JSON or for a console.
//   - Metrics counts events, calls to AWS and reloads of the configuration.
//   - NewCollector reads the state of every user from the journal when it is
//     scraped, so that a gauge can neither drift from the journal nor be lost
//     by a restart.
//
// Metrics are timestamps and never ages, so that they are right between two
// scrapes too. The label "key" is the last four characters of an access key's
// id. No label, field or help text ever holds a secret: everything exported
// comes from the journal's rows and the core's events, which hold none.
//
// docs/metrics.md is generated from the definitions in definition.go.
package telemetry

//go:generate go test -run TestReferenceIsFresh . -update
