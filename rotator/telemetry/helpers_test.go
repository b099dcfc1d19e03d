package telemetry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

var (
	ci    = rotator.User{Account: "prod", Name: "ci"}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	oldID = rotator.KeyID("AKIAIOSFODNN7EXAMOLD")
	newID = rotator.KeyID("AKIAIOSFODNN7EXAMNEW")
)

// scrape renders what the collectors export. The registry is a pedantic one,
// which refuses what was not described.
func scrape(t *testing.T, collectors ...prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if recorder.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

// series are the lines of a page that carry values, those of histograms' buckets left out.
func series(page string) []string {
	lines := slices.DeleteFunc(strings.Split(page, "\n"), func(l string) bool {
		return l == "" || strings.HasPrefix(l, "#") || strings.Contains(l, "_bucket{")
	})
	return lines
}

func wantLines(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(series(page), line) {
			t.Errorf("there is no %s in\n%s", line, strings.Join(series(page), "\n"))
		}
	}
}

// journal is a Source with fixed rows.
type journal struct {
	rows   []rotator.Row
	global rotator.Global
	err    error
	calls  int
}

func (j *journal) Rows(context.Context) ([]rotator.Row, error) {
	j.calls++
	return j.rows, j.err
}

func (j *journal) Global(context.Context) (rotator.Global, error) { return j.global, nil }

// place is a store that is only described.
type place string

func (p place) Describe() store.Description {
	return store.Description{Kind: "secretsmanager", Location: string(p)}
}

func (place) Put(context.Context, store.Credential) (store.Receipt, error) {
	return store.Receipt{}, nil
}

func fleetOf(targets ...rotator.Target) func() *rotator.Fleet {
	fleet := &rotator.Fleet{Targets: map[rotator.User]rotator.Target{}}
	for _, target := range targets {
		fleet.Targets[target.User] = target
	}
	return func() *rotator.Fleet { return fleet }
}

// trial is a row in the middle of a rotation: the old key is Inactive.
func trial() rotator.Row {
	return rotator.Row{
		User: ci, Waiting: rotator.ReasonTrial,
		Progress: rotator.Progress{
			Schema: rotator.Schema, Current: oldID, Created: noon.Add(-90 * 24 * time.Hour), Phase: rotator.PhaseTrial, Since: noon,
			Cycle: &rotator.Cycle{
				Number: 3,
				Opening: rotator.Opening{
					Purpose: rotator.PurposeRotation, Policy: rotator.Policy{MaxAge: 100 * 24 * time.Hour}, Retire: oldID, Keep: newID, Made: noon.Add(-time.Hour),
					Consumers: []rotator.Pinned{{Name: "secretsmanager:a"}, {Name: "secretsmanager:b"}},
				},
				Pushed:   map[string]time.Time{"secretsmanager:a": noon},
				Inactive: noon, UseAtCut: noon.Add(-24 * time.Hour),
			},
		},
	}
}
