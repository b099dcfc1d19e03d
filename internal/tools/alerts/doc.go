// Package alerts has the tests of what the chart ships for watching keyrotator:
// the alert rules, their runbook and the dashboard.
//
// The rules are tested as the chart renders them, with promtool; each threshold is
// moved, and a test has to notice. Then every query of the dashboard and every
// expression of a rule is put to a real Prometheus, which scrapes a real daemon.
//
// The tests need the tools of internal/tools/helm and Debian's package prometheus.
package alerts

//go:generate go test -run ^TestThePlainFileOfRulesIsFresh$ . -update
