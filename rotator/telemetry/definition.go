package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// prefix is what the name of every metric of this program begins with.
const prefix = "keyrotator_"

// Definition is what a metric is called, counts and is told apart by.
type Definition struct {
	// Name is the whole name, prefix included.
	Name string
	// Type is counter, gauge or histogram.
	Type string
	// Help is a sentence without a full stop.
	Help string
	// Labels are in the order of their values.
	Labels []string
	// Notes is for the reference: what the help has no room for. Markdown.
	Notes string
}

func (d Definition) desc() *prometheus.Desc {
	return prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
}

func counter(name, help, notes string, labels ...string) Definition {
	return Definition{prefix + name, "counter", help, labels, notes}
}

func gauge(name, help, notes string, labels ...string) Definition {
	return Definition{prefix + name, "gauge", help, labels, notes}
}

func (d Definition) counterVec() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
}

func (d Definition) gaugeVec() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.Help}, d.Labels)
}

// eventDefinitions are of what Metrics counts.
type eventDefinitions struct {
	build, rotations, stepSeconds, stepsFailed, pushes, requests, swept Definition
	reloads, reloadOK, reloadAt, standby                                Definition
}

func defineEvents() eventDefinitions {
	return eventDefinitions{
		build: gauge("build_info", "What is running; always 1",
			"", "version", "commit", "goversion"),
		rotations: counter("rotations_total", "Cycles that came to an end or to a stop, by result",
			"A cycle is a rotation or another retirement of a key. Results: `closed` (the old key is gone), "+
				"`rolled-back` (the old key is back in use; a person decides), `halted` (a person decides), "+
				"`abandoned` (no key came of it, or our own undistributed key was discarded), "+
				"`adopted` (an operator named the key in use and gave the cycle up), "+
				"`rebuilt` (the journal contradicted AWS and the state was rebuilt). "+
				"A cycle that was halted, resumed and closed counts under both.", "account", "result"),
		stepSeconds: Definition{prefix + "rotation_step_duration_seconds", "histogram", "How long effects took, by what was done, failed ones included",
			[]string{"step"}, "Steps: `create`, `prove`, `push`, `probe`, `stage`, `reload`, `restore`, `deactivate`, `reactivate`, `delete`, `discard`."},
		stepsFailed: counter("steps_failed_total", "Steps that ended early, such as on a failed journal write",
			"`account` is empty for a failure that belongs to no user, such as a journal that cannot be read.", "account"),
		pushes: counter("consumer_pushes_total", "Writes of a credential to a store, by kind of store and result",
			"Results: `ok`, `foreign`, `denied`, `throttled`, `conflict`, `ambiguous`, `fenced`, `failed`. "+
				"A write counts as `ok` when it was read back (where that is possible) and what it wrote signed in.", "kind", "result"),
		requests: counter("aws_requests_total", "Calls to AWS that were sent, by AWS's error code",
			"`code` is `ok`, AWS's own error code, or `unanswered`. Retries count each.", "service", "operation", "code"),
		swept: gauge("sweep_last_success_timestamp_seconds", "When every user of the account was last looked at",
			"", "account"),
		reloads: counter("config_reloads_total", "Attempts to read the configuration, by result",
			"Results: `applied`; `refused` (the file has errors, or cannot be used; the former one holds).", "result"),
		reloadOK: gauge("config_last_reload_successful", "Whether the last attempt to read the configuration was successful", ""),
		reloadAt: gauge("config_last_reload_success_timestamp_seconds", "When the configuration that holds was read", ""),
		standby: gauge("standby", "Whether this replica steps nobody, because replicas with another configuration have the users",
			"It is 1 in the middle of a rollout, until this replica has read the new configuration, too. Where it stays 1, "+
				"replicas have different configuration files for good."),
	}
}

func (d eventDefinitions) all() []Definition {
	return []Definition{d.build, d.rotations, d.stepSeconds, d.stepsFailed, d.pushes, d.requests, d.swept, d.reloads, d.reloadOK, d.reloadAt, d.standby}
}

// stateDefinitions are of what the collector reads from the journal.
type stateDefinitions struct {
	up, speaks                                    Definition
	created, lastUsed, deadline, active           Definition
	phase, entered, halted, waiting, paused       Definition
	due, opened, phaseEnd, cycleEnd, usedAfterAll Definition
	inSync, failures, ackDue                      Definition
	pausedAll, breaker, phaseUnreadable           Definition
}

func defineState() stateDefinitions {
	return stateDefinitions{
		up: gauge("journal_up", "Whether the journal could be read for this scrape",
			"While it is 0 no other metric of this section is exported."),
		speaks: gauge("journal_speaker", "Whether this replica exports what is said of users",
			"1 on one of the replicas that share a journal and are scraped, 0 on the others, whose pages say nothing more of this "+
				"section. When it goes, the next one scraped takes over; queries over time should drop the labels of the replica: `max without (instance, pod)`."),
		created: gauge("access_key_created_timestamp_seconds", "When the access key was created, by IAM's clock",
			"Of the key in use and, during a cycle, of the new one.", "account", "user", "key"),
		lastUsed: gauge("access_key_last_used_timestamp_seconds", "When the old access key was last used, as its deactivation knew it",
			"Exported from the deactivation of a key to its deletion, and only for a key that was ever used: the journal knows "+
				"the last use of no other key. IAM tells it with a grain of 15 minutes and up to hours late.", "account", "user", "key"),
		deadline: gauge("access_key_deadline_timestamp_seconds", "When the access key in use reaches its maximum age",
			"The policy is that of the open cycle, otherwise the configured one.", "account", "user"),
		active: gauge("active_access_keys", "How many active access keys the user has, as far as the journal knows",
			"Keys that keyrotator neither made nor adopted are not counted: a user with one is halted.", "account", "user"),
		phase: gauge("rotation_phase", "The phase that the user is in; 1 for that phase, the others are absent",
			"Phases: `unseen`, `idle`, `creating`, `proving`, `propagating`, `overlap`, `deactivating`, `trial`, `deleting`, "+
				"`rolling-back`, `rolled-back`.", "account", "user", "phase"),
		entered: gauge("rotation_phase_entered_timestamp_seconds", "When the phase, or its present grace, began", "", "account", "user"),
		halted: gauge("halted", "The user stands still until a person decides; absent for one that does not",
			"`keyrotator status` says what to type. The reasons are those of `keyrotator history`.", "account", "user", "reason"),
		waiting: gauge("waiting", "Why the user's last step had nothing to do yet; absent for a user that was not made to wait",
			"", "account", "user", "reason"),
		due: gauge("rotation_due_timestamp_seconds", "When the next rotation of the key in use is to begin",
			"Only of a configured user without an open cycle. It may begin later by a window or a freeze.", "account", "user"),
		opened: gauge("rotation_opened_timestamp_seconds", "When the open cycle began", "Absent without one.", "account", "user"),
		phaseEnd: gauge("rotation_phase_expected_end_timestamp_seconds", "By when the phase is over, if it takes no longer than the cycle's policy allows",
			"Windows count with their longest gap; halts, pauses and freezes are not foreseen. Absent without an open cycle, "+
				"and where a person decides what comes next.", "account", "user"),
		cycleEnd: gauge("rotation_expected_end_timestamp_seconds", "By when the old key is gone, if the rest of the cycle takes no longer than its policy allows",
			"It is foreseen as `keyrotator_rotation_phase_expected_end_timestamp_seconds` is. Absent on a way back, too.", "account", "user"),
		usedAfterAll: gauge("old_access_key_found_used_timestamp_seconds", "When the old key was last found in use although its overlap was over, or in its trial",
			"Absent unless that was so in the open cycle, and once the key is inactive.", "account", "user"),
		paused: gauge("paused", "Whether an operator paused the user", "", "account", "user"),
		inSync: gauge("consumer_in_sync", "Whether the consumer's store has the key that it is meant to have now",
			"0 while a store waits for the new key, or on a way back for the old one. Absent while nothing is known.", "account", "user", "consumer"),
		failures: gauge("consumer_failures", "How often in a row the consumer could not be written, reloaded or probed",
			"Of the consumers of an open cycle.", "account", "user", "consumer"),
		ackDue: gauge("ack_deadline_timestamp_seconds", "When the consumer's acknowledgement, which the rotation waits for, becomes overdue",
			"Absent while none is waited for.", "account", "user", "consumer"),
		pausedAll: gauge("all_paused", "Whether an operator paused all users", ""),
		breaker:   gauge("breaker_open", "Whether too many halts have stopped new keys and cuts everywhere, until keyrotator resume", ""),
		phaseUnreadable: gauge("journal_row_unreadable", "The user's row was written by a newer version and is not acted on; absent for others",
			"", "account", "user"),
	}
}

func (d stateDefinitions) all() []Definition {
	return []Definition{
		d.up, d.speaks, d.created, d.lastUsed, d.deadline, d.active, d.phase, d.entered, d.halted, d.waiting, d.paused,
		d.due, d.opened, d.phaseEnd, d.cycleEnd, d.usedAfterAll, d.inSync, d.failures, d.ackDue, d.pausedAll, d.breaker, d.phaseUnreadable,
	}
}

// Definitions are all metrics of this program, sorted by name.
func Definitions() []Definition {
	all := append(defineEvents().all(), defineState().all()...)
	slices.SortFunc(all, func(a, b Definition) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		default:
			return 0
		}
	})
	return all
}
