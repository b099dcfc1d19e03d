package telemetry

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// Results of rotations_total, which results names all.
const (
	resultClosed     = "closed"
	resultRolledBack = "rolled-back"
	resultHalted     = "halted"
	resultAbandoned  = "abandoned"
	resultAdopted    = "adopted"
	resultRebuilt    = "rebuilt"
)

// Results of consumer_pushes_total, which pushResults names all.
const (
	pushOK        = "ok"
	pushFenced    = "fenced"
	pushForeign   = "foreign"
	pushDenied    = "denied"
	pushThrottled = "throttled"
	pushConflict  = "conflict"
	pushAmbiguous = "ambiguous"
	pushFailed    = "failed"
)

// Build is what is running.
type Build struct {
	Version, Commit, GoVersion string
}

// Metrics counts what happens. It is a rotator.Observer and a
// prometheus.Collector; make one with NewMetrics.
type Metrics struct {
	collectors []prometheus.Collector

	rotations, stepsFailed, pushes, requests, reloads *prometheus.CounterVec
	stepSeconds                                       *prometheus.HistogramVec
	swept                                             *prometheus.GaugeVec
	reloadOK, reloadAt, standby                       prometheus.Gauge
}

var (
	_ rotator.Observer     = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// NewMetrics returns counters that stand at zero.
func NewMetrics(build Build) *Metrics {
	d := defineEvents()
	m := &Metrics{
		rotations: d.rotations.counterVec(), stepsFailed: d.stepsFailed.counterVec(), pushes: d.pushes.counterVec(),
		requests: d.requests.counterVec(), reloads: d.reloads.counterVec(), swept: d.swept.gaugeVec(),
		stepSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: d.stepSeconds.Name, Help: d.stepSeconds.Help,
			// A call to AWS takes a tenth of a second; an effect is given 45 s.
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 45},
		}, d.stepSeconds.Labels),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{Name: d.reloadOK.Name, Help: d.reloadOK.Help}),
		reloadAt: prometheus.NewGauge(prometheus.GaugeOpts{Name: d.reloadAt.Name, Help: d.reloadAt.Help}),
		standby:  prometheus.NewGauge(prometheus.GaugeOpts{Name: d.standby.Name, Help: d.standby.Help}),
	}
	info := d.build.gaugeVec()
	info.WithLabelValues(utf8(build.Version), utf8(build.Commit), utf8(build.GoVersion)).Set(1)
	m.collectors = []prometheus.Collector{
		info, m.rotations, m.stepsFailed, m.pushes, m.requests, m.reloads, m.swept, m.stepSeconds, m.reloadOK, m.reloadAt, m.standby,
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.collectors {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.collectors {
		c.Collect(out)
	}
}

// Request counts a call to AWS; it is what rotator/account reports to.
func (m *Metrics) Request(service, operation, code string, _ time.Duration) {
	m.requests.WithLabelValues(utf8(service), utf8(operation), utf8(code)).Inc()
}

// Reloaded records an attempt to read the configuration; err is nil if the
// new one holds since at.
func (m *Metrics) Reloaded(at time.Time, err error) {
	if err != nil {
		m.reloads.WithLabelValues("refused").Inc()
		m.reloadOK.Set(0)
		return
	}
	m.reloads.WithLabelValues("applied").Inc()
	m.reloadOK.Set(1)
	m.reloadAt.Set(seconds(at))
}

// StandsBy records whether replicas with another configuration have the users.
func (m *Metrics) StandsBy(standsBy bool) {
	m.standby.Set(0)
	if standsBy {
		m.standby.Set(1)
	}
}

// Expect has the counters of a configuration's accounts and kinds of stores
// stand at zero before the first event: the increase of a counter that appears
// with one is not seen.
func (m *Metrics) Expect(fleet *rotator.Fleet) {
	accounts := map[string]bool{}
	for user, target := range fleet.Targets {
		accounts[user.Account] = true
		for _, consumer := range target.Consumers {
			for _, result := range pushResults() {
				m.pushes.WithLabelValues(utf8(consumer.Store.Describe().Kind), result)
			}
		}
	}
	for _, step := range steps() {
		m.stepSeconds.WithLabelValues(string(step))
	}
	m.stepsFailed.WithLabelValues("")
	for account := range accounts {
		m.stepsFailed.WithLabelValues(utf8(account))
		for _, result := range results() {
			m.rotations.WithLabelValues(utf8(account), result)
		}
	}
}

// steps are the effects, each of which has its durations.
func steps() []rotator.Verb {
	return []rotator.Verb{
		rotator.VerbCreate, rotator.VerbProve, rotator.VerbPush, rotator.VerbProbe, rotator.VerbStage, rotator.VerbReload,
		rotator.VerbRestore, rotator.VerbDeactivate, rotator.VerbReactivate, rotator.VerbDelete, rotator.VerbDiscard,
	}
}

func results() []string {
	return []string{resultClosed, resultRolledBack, resultHalted, resultAbandoned, resultAdopted, resultRebuilt}
}

// Observe implements rotator.Observer.
func (m *Metrics) Observe(_ context.Context, e rotator.Event) {
	switch e.Kind {
	case rotator.EventEntry:
		if result := resultOf(e); result != "" {
			m.rotations.WithLabelValues(utf8(e.User.Account), result).Inc()
		}
	case rotator.EventEffect:
		m.stepSeconds.WithLabelValues(utf8(string(e.Entry.Verb))).Observe(e.Took.Seconds())
		if e.Entry.Verb == rotator.VerbPush || e.Entry.Verb == rotator.VerbRestore {
			kind, _, _ := strings.Cut(e.Entry.Consumer, ":")
			m.pushes.WithLabelValues(utf8(kind), pushResult(e.Err)).Inc()
		}
	case rotator.EventStepFailed:
		m.stepsFailed.WithLabelValues(utf8(e.User.Account)).Inc()
	case rotator.EventSwept:
		if e.Err == nil {
			m.swept.WithLabelValues(utf8(e.User.Account)).Set(seconds(e.At))
		}
	case rotator.EventWaiting: // the collector reads it from the journal
	}
}

// resultOf names the end or the stop of a cycle that an entry stands for; empty
// for any other entry. The entry's own verb is asked first, because entries
// that are saved together all come with the progress after the last of them.
func resultOf(e rotator.Event) string {
	ended := e.Entry.Cycle != 0 && e.Progress.Cycle == nil
	switch entry := e.Entry; entry.Kind {
	case rotator.KindHalted:
		switch {
		case entry.Cycle == 0:
			return "" // nothing was under way
		case entry.Reason == rotator.ReasonRolledBack:
			return resultRolledBack
		default:
			return resultHalted
		}
	case rotator.KindAdopted:
		if entry.Cycle != 0 {
			return resultAdopted
		}
	case rotator.KindDone:
		switch {
		case !ended:
		case entry.Verb == rotator.VerbDiscard:
			return resultAbandoned
		case entry.Verb == rotator.VerbDelete, entry.Verb == rotator.VerbPush, entry.Verb == rotator.VerbProbe:
			return resultClosed // the last two close the cycle of a first key
		default:
		}
	case rotator.KindNoted:
		switch {
		case !ended:
		case entry.Verb == rotator.VerbClose:
			return resultClosed
		case entry.Verb == rotator.VerbAbandon:
			return resultAbandoned
		case entry.Verb == rotator.VerbForget:
			return resultRebuilt
		default:
		}
	default:
	}
	return ""
}

func pushResults() []string {
	return []string{pushOK, pushFenced, pushForeign, pushDenied, pushThrottled, pushConflict, pushAmbiguous, pushFailed}
}

func pushResult(err error) string {
	switch {
	case err == nil:
		return pushOK
	case errors.Is(err, rotator.ErrFenced):
		return pushFenced
	case errors.Is(err, store.ErrForeign):
		return pushForeign
	case errors.Is(err, store.ErrDenied), errors.Is(err, rotator.ErrDenied):
		return pushDenied
	case errors.Is(err, store.ErrThrottled), errors.Is(err, rotator.ErrThrottled):
		return pushThrottled
	case errors.Is(err, store.ErrConflict):
		return pushConflict
	case errors.Is(err, store.ErrAmbiguous), errors.Is(err, rotator.ErrAmbiguous):
		return pushAmbiguous
	default:
		return pushFailed
	}
}

// seconds is the instant as metrics have it.
func seconds(at time.Time) float64 { return float64(at.UnixMicro()) / 1e6 }

// utf8 makes a label value of a text from outside; another one would fail the
// whole scrape.
func utf8(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
