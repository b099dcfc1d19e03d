package simulate

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// many lives through the histories of the seeds, on all processors.
func many(t *testing.T, seeds []uint64) Result {
	t.Helper()
	sum := *newResult(0)
	sum.Histories = 0
	var mu sync.Mutex
	var group sync.WaitGroup
	next := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range next {
				r, err := Run(t.Context(), seed, Options{})
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				for _, v := range r.Violations {
					t.Errorf("seed %d: %s (go run ./internal/tools/simulate -story %d)", seed, v, seed)
				}
				sum.Add(r)
				mu.Unlock()
			}
		})
	}
	for _, seed := range seeds {
		next <- seed
	}
	close(next)
	group.Wait()
	return sum
}

func TestHistoriesOfFaultsBreakNobody(t *testing.T) {
	var seeds []uint64
	for seed := uint64(1); seed <= 120; seed++ {
		seeds = append(seeds, seed)
	}
	sum := many(t, append(seeds, 1000)) // a multiple of a thousand is on SQLite
	t.Logf("%d histories, %d rotations, %d call boundaries, faults %v, halts %v", sum.Histories, sum.Rotations, sum.Boundaries, sum.Faults, sum.Halts)
	for _, f := range append(awsClass(false).faults(), faultDropped) {
		if sum.Faults[string(f)] == 0 {
			t.Errorf("no %s struck", f)
		}
	}
	if sum.Rotations < 5*sum.Histories || sum.Conflicts == 0 {
		t.Errorf("%d rotations and %d overtaken saves in %d histories: too little happened", sum.Rotations, sum.Conflicts, sum.Histories)
	}
}

func TestTheCorpusBreaksNobodyAnyMore(t *testing.T) {
	text, err := os.ReadFile("testdata/corpus.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []Case
	if err := json.Unmarshal(text, &corpus); err != nil || len(corpus) == 0 {
		t.Fatalf("%d cases, %v", len(corpus), err)
	}
	for _, c := range corpus {
		for _, only := range []*Faults{c.Only, nil} { // and the whole history
			r, err := Run(t.Context(), c.Seed, Options{Only: only})
			if err != nil || len(r.Violations) > 0 {
				t.Errorf("seed %d, %s: %q, %v", c.Seed, c.Why, r.Violations, err)
			}
			if only != nil && !slices.Equal(r.Struck.Boundaries, only.Boundaries) {
				t.Logf("seed %d, %s: of the boundaries %v only %v were struck: it is another history now", c.Seed, c.Why, only.Boundaries, r.Struck.Boundaries)
			}
		}
	}
}

func TestASeedIsOneHistory(t *testing.T) {
	var stories [2][]string
	for i := range stories {
		_, err := Run(t.Context(), 7, Options{Story: func(line string) { stories[i] = append(stories[i], line) }})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(stories[0]) < 10 || !slices.Equal(stories[0], stories[1]) {
		t.Errorf("the same seed told %d lines and %d lines, and they differ", len(stories[0]), len(stories[1]))
	}
}

func TestAFaultThatIsLeftOutDoesNotStrike(t *testing.T) {
	whole, err := Run(t.Context(), 7, Options{})
	struck := whole.Struck
	if err != nil || len(struck.Boundaries) < 2 || len(struck.Events) < 2 {
		t.Fatalf("%v struck, %v", struck, err)
	}
	only := Faults{Boundaries: struck.Boundaries[1:], Events: struck.Events[1:]}
	r, err := Run(t.Context(), 7, Options{Only: &only})
	if err != nil || slices.Contains(r.Struck.Boundaries, struck.Boundaries[0]) || slices.Contains(r.Struck.Events, struck.Events[0]) {
		t.Errorf("%v struck of %v, %v", r.Struck, struck, err)
	}
	if len(r.Struck.Boundaries) == 0 || len(r.Struck.Events) == 0 {
		t.Errorf("the others did not strike either: %v", r.Struck)
	}
}

// scene is a world with an old key in one store and a new key in none.
func scene() (h *history, old *key, next store.Credential) {
	h = &history{tally: newResult(0), world: &world{now: began()}}
	h.world.tally, h.world.violatedf = h.tally, h.violatedf
	h.world.draw.policy = rotator.Policy{Overlap: time.Hour, Quiet: time.Hour, Trial: time.Hour}
	first := h.world.newKey(day)
	h.world.places = []place{{name: "a", held: first, reader: first, refreshes: time.Hour, read: began()}}
	h.world.settle()
	return h, h.world.keys[0], h.world.newKey(0)
}

func TestADriftThatIsTakenBackBlamesNobody(t *testing.T) {
	h, old, next := scene()
	w, p := h.world, &h.world.places[0]
	w.fill(p, next)
	w.advance(w.now.Add(day)) // every grace is over
	w.putBack(p)
	if !p.drifted || p.held.KeyID() != string(old.id) {
		t.Fatalf("drifted %v, the store holds %s", p.drifted, p.held.KeyID())
	}
	w.putBack(p)
	w.checkCut(old)
	if p.drifted || !p.held.Equal(next) || len(h.tally.Violations) > 0 {
		t.Errorf("drifted %v, the store holds %s, violations %q", p.drifted, p.held.KeyID(), h.tally.Violations)
	}
}

func TestALastUseIsToldLateAndInQuartersOfAnHour(t *testing.T) {
	h, old, next := scene()
	w := h.world
	w.draw.useLag = 2 * time.Hour
	w.fill(&w.places[0], next)
	w.advance(began().Add(10*time.Hour + 7*time.Minute)) // the reader had the old key for an hour
	if got := w.lastUse(old, w.now); !got.Equal(began().Add(time.Hour)) {
		t.Errorf("old key: last use %s, want one hour after the beginning", got)
	}
	if got := w.lastUse(w.keys[1], w.now); !got.Equal(began().Add(8 * time.Hour)) {
		t.Errorf("new key: last use %s, want two hours ago", got)
	}
}

func TestWhoIsUnknownIsCounted(t *testing.T) {
	h, old, _ := scene()
	w := h.world
	w.draw.unknown = day
	w.settle()
	w.advance(began().Add(time.Hour))
	if got := w.lastUse(old, w.now); !got.Equal(w.now) {
		t.Errorf("the last use is %s", got)
	}
	old.status = rotator.Inactive
	w.places[0].undeclared = true
	w.settle()
	if h.tally.Unknown != 1 || h.tally.Undeclared == 0 || len(h.tally.Violations) > 0 {
		t.Errorf("%d and %d sign-ins failed, violations %q", h.tally.Unknown, h.tally.Undeclared, h.tally.Violations)
	}
}

// TestEveryCheckCanFail breaks the world by hand, behind the program's back.
func TestEveryCheckCanFail(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(w *world, old *key, next store.Credential)
		want   string
	}{
		"a key is cut that a store holds":  {func(w *world, old *key, _ store.Credential) { w.checkCut(old) }, "I3: AKIA0001 is cut while a holds it"},
		"a key is cut that a consumer has": {func(w *world, old *key, c store.Credential) { w.places[0].held = c; w.checkCut(old) }, "while the consumer of a has it"},
		"a key is cut before its grace": {func(w *world, old *key, c store.Credential) {
			w.fill(&w.places[0], c)
			w.places[0].reader = c
			w.checkCut(old)
		}, "0s after a was written"},
		"a person's key is cut":    {func(w *world, old *key, _ store.Credential) { old.foreign = true; w.checkCut(old) }, "I2: AKIA0001 of a person is cut"},
		"an orphan is cut at once": {func(w *world, _ *key, _ store.Credential) { w.checkCut(w.keys[1]) }, "I2: the orphan AKIA0002 is cut 0s"},
		"an active key is deleted": {func(w *world, old *key, _ store.Credential) { w.checkDelete(old) }, "is deleted while it is Active"},
		"a key is deleted before its trial": {func(w *world, old *key, _ store.Credential) {
			old.status, old.inactive = rotator.Inactive, w.now
			w.checkDelete(old)
		}, "is deleted 0s after its cut"},
		"a key is discarded that somebody has": {func(w *world, old *key, _ store.Credential) { w.checkDiscard(old) }, "is discarded"},
		"a dead key is written": {func(w *world, old *key, c store.Credential) {
			w.keys[1].status = rotator.Inactive
			w.checkPut(&w.places[0], c, true)
		}, "which does not sign in"},
		"a key is written before custody": {func(w *world, _ *key, c store.Credential) { w.checkPut(&w.places[0], c, false) }, "whose secret is nowhere else"},
		"a key is cut that is used": {func(w *world, old *key, c store.Credential) {
			w.places[0].held, w.places[0].undeclared = c, true
			w.advance(w.now.Add(30 * time.Minute))
			w.checkCut(old)
		}, "is cut, and AWS tells that it was used"},
		"a key is deleted that was used in its trial": {func(w *world, old *key, c store.Credential) {
			old.status, old.inactive = rotator.Inactive, w.now
			old.use(w.now.Add(time.Hour))
			w.advance(w.now.Add(2 * time.Hour))
			w.checkDelete(old)
		}, "is deleted, and AWS tells that it was used"},
		"a secret is lost":       {func(w *world, _ *key, c store.Credential) { w.places[0].held = c; w.checkSecrets(nil) }, "the secret of AKIA0002 in a is lost"},
		"there are three keys":   {func(w *world, _ *key, _ store.Credential) { w.newKey(0); w.checkQuota() }, "I2: 3 keys"},
		"a consumer is shut out": {func(w *world, old *key, _ store.Credential) { old.status = rotator.Inactive; w.settle() }, "I1: the consumer of a"},
	} {
		t.Run(name, func(t *testing.T) {
			h, old, next := scene()
			c.breaks(h.world, old, next)
			if !slices.ContainsFunc(h.tally.Violations, func(v string) bool { return strings.Contains(v, c.want) }) {
				t.Errorf("violations = %q, want %q", h.tally.Violations, c.want)
			}
		})
	}
}
