package telemetry

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyrotator/keyrotator/rotator"
)

// Source is the journal as the collector reads it.
type Source interface {
	Rows(ctx context.Context) ([]rotator.Row, error)
	Global(ctx context.Context) (rotator.Global, error)
}

// CollectorOptions tune a collector. The zero value is fit for use.
type CollectorOptions struct {
	// Fleet is the present configuration: whose rows are exported, and by which
	// policy a key in use gets too old. Nil exports every row, without deadlines
	// outside a cycle.
	Fleet func() *rotator.Fleet
	// Speaks reports whether this replica exports what is said of users: of
	// several replicas on one journal one does. Nil means that this one does.
	Speaks func(ctx context.Context) (bool, error)
	// Consumer names a consumer for people; nil leaves the store's kind and
	// location.
	Consumer func(user rotator.User, consumer string) string
	// Limit bounds one scrape's reading; zero means five seconds.
	Limit time.Duration
	// Failed is told why a scrape could not read the journal; nil tells nobody.
	Failed func(err error)
}

// collector reads the journal when it is scraped.
type collector struct {
	source  Source
	options CollectorOptions
	defined stateDefinitions
	descs   map[string]*prometheus.Desc
}

// NewCollector returns a collector of the state of all users. One scrape reads
// all rows once; when that fails, journal_up is 0 and nothing else is said.
func NewCollector(source Source, options CollectorOptions) prometheus.Collector {
	if options.Limit <= 0 {
		options.Limit = 5 * time.Second
	}
	if options.Failed == nil {
		options.Failed = func(error) {}
	}
	if options.Speaks == nil {
		options.Speaks = func(context.Context) (bool, error) { return true, nil }
	}
	if options.Consumer == nil {
		options.Consumer = func(_ rotator.User, consumer string) string { return consumer }
	}
	c := &collector{source: source, options: options, defined: defineState(), descs: map[string]*prometheus.Desc{}}
	for _, d := range c.defined.all() {
		c.descs[d.Name] = d.desc()
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), c.options.Limit)
	defer cancel()
	p := page{collector: c, out: out, seen: map[string]bool{}}
	rows, global, speaks, err := c.read(ctx)
	if err != nil {
		c.options.Failed(err)
		p.set(c.defined.up, 0)
		return
	}
	p.set(c.defined.up, 1)
	p.set(c.defined.speaks, number(speaks))
	if !speaks {
		return
	}
	p.set(c.defined.pausedAll, number(global.Paused))
	p.set(c.defined.breaker, number(global.Tripped))
	if c.options.Fleet != nil {
		p.fleet = c.options.Fleet()
	}
	for _, row := range rows {
		p.row(row)
	}
}

// read asks the journal, if this replica is the one that speaks of users.
func (c *collector) read(ctx context.Context) (rows []rotator.Row, global rotator.Global, speaks bool, err error) {
	if global, err = c.source.Global(ctx); err != nil { // the answer shows that the journal can be read
		return nil, global, false, err
	}
	if speaks, err = c.options.Speaks(ctx); err != nil || !speaks {
		return nil, global, false, err
	}
	rows, err = c.source.Rows(ctx)
	return rows, global, true, err
}

// page is what one scrape exports.
type page struct {
	*collector
	out   chan<- prometheus.Metric
	fleet *rotator.Fleet
	seen  map[string]bool
}

// set exports one value. A series that is there already is left out, since one
// double would fail the whole scrape: two keys of a user may share their last
// four characters.
func (p *page) set(d Definition, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = utf8(l)
	}
	series := d.Name + "\x00" + strings.Join(labels, "\x00")
	if p.seen[series] {
		return
	}
	p.seen[series] = true
	p.out <- prometheus.MustNewConstMetric(p.descs[d.Name], prometheus.GaugeValue, value, labels...)
}

func (p *page) at(d Definition, at time.Time, labels ...string) {
	if !at.IsZero() {
		p.set(d, seconds(at), labels...)
	}
}

// row exports one user. One that the configuration no longer names is exported
// as long as it has something unfinished.
func (p *page) row(row rotator.Row) {
	account, name := row.User.Account, row.User.Name
	progress := row.Progress
	var target rotator.Target
	if p.fleet != nil {
		known, configured := p.fleet.Targets[row.User]
		if !configured && progress.Cycle == nil {
			return
		}
		target = known
	}
	if progress.Schema > rotator.Schema || !progress.Phase.Known() {
		p.set(p.defined.phaseUnreadable, 1, account, name)
		return
	}
	phase := string(progress.Phase)
	if progress.Phase == rotator.PhaseUnseen {
		phase = "unseen"
	}
	p.set(p.defined.phase, 1, account, name, phase)
	p.at(p.defined.entered, progress.Since, account, name)
	p.set(p.defined.paused, number(progress.Paused), account, name)
	if progress.Halt != nil {
		p.set(p.defined.halted, 1, account, name, string(progress.Halt.Reason))
	}
	if row.Waiting != "" {
		p.set(p.defined.waiting, 1, account, name, string(row.Waiting))
	}
	p.keys(row.User, progress, target)
	p.times(row.User, progress, target)
	p.consumers(row.User, progress, target)
}

// times exports what is late, and what will be.
func (p *page) times(user rotator.User, progress rotator.Progress, target rotator.Target) {
	if c := progress.Cycle; c != nil {
		p.at(p.defined.opened, c.Opened, user.Account, user.Name)
	} else if progress.Phase == rotator.PhaseIdle && target.Policy.MaxAge > 0 && !progress.Created.IsZero() {
		p.at(p.defined.due, target.Policy.Start(user, progress.Created, target.Pinned()), user.Account, user.Name)
	}
	ahead := progress.Forecast()
	p.at(p.defined.phaseEnd, ahead.Phase, user.Account, user.Name)
	p.at(p.defined.cycleEnd, ahead.Gone, user.Account, user.Name)
	if found, used := progress.UsedAfterAll(); used {
		p.at(p.defined.usedAfterAll, found, user.Account, user.Name)
	}
}

func (p *page) keys(user rotator.User, progress rotator.Progress, target rotator.Target) {
	c := progress.Cycle
	maxAge := target.Policy.MaxAge
	if c != nil {
		maxAge = c.Policy.MaxAge
		if c.Keep != "" && c.Keep != progress.Current {
			p.at(p.defined.created, c.Made, user.Account, user.Name, c.Keep.Last4())
		}
		if !c.Inactive.IsZero() {
			p.at(p.defined.lastUsed, c.UseAtCut, user.Account, user.Name, c.Retire.Last4())
		}
	}
	if active, known := activeKeys(progress); known {
		p.set(p.defined.active, float64(active), user.Account, user.Name)
	}
	if progress.Current == "" {
		return
	}
	p.at(p.defined.created, progress.Created, user.Account, user.Name, progress.Current.Last4())
	if maxAge > 0 && !progress.Created.IsZero() {
		p.at(p.defined.deadline, progress.Created.Add(maxAge), user.Account, user.Name)
	}
}

// activeKeys counts the keys that the journal takes for Active.
func activeKeys(progress rotator.Progress) (count int, known bool) {
	c := progress.Cycle
	switch {
	case progress.Phase == rotator.PhaseUnseen:
		return 0, false
	case c == nil:
		return 1, true
	}
	if c.Retire != "" && c.Inactive.IsZero() {
		count++
	}
	if c.Keep != "" {
		count++
	}
	return count, true
}

func (p *page) consumers(user rotator.User, progress rotator.Progress, target rotator.Target) {
	set := func(consumer string) {
		name := p.options.Consumer(user, consumer)
		p.set(p.defined.inSync, number(progress.Standing(consumer).InSync()), user.Account, user.Name, name)
		if due, waits := progress.AckDue(consumer); waits {
			p.set(p.defined.ackDue, seconds(due), user.Account, user.Name, name)
		}
	}
	c := progress.Cycle
	switch {
	case c != nil:
		for _, pinned := range c.Consumers {
			set(pinned.Name)
			p.set(p.defined.failures, float64(progress.Failures(pinned.Name)), user.Account, user.Name, p.options.Consumer(user, pinned.Name))
		}
	case progress.Phase == rotator.PhaseIdle && progress.Halt == nil:
		for _, consumer := range target.Consumers {
			set(consumer.Name())
		}
	default: // nobody knows
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
