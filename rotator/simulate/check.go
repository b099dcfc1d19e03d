package simulate

import (
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// slack is the grain of AWS's Date.
const slack = time.Second

// checkCut is I2 and I3 for a deactivation.
func (w *world) checkCut(k *key) {
	if k.foreign {
		w.violatedf("I2: %s of a person is cut", k.id)
	}
	if !k.given && k.id != firstKey {
		if age := w.now.Sub(k.created); age < w.draw.policy.Quiet {
			w.violatedf("I2: the orphan %s is cut %s after it was made", k.id, age)
		}
		return
	}
	w.checkUnused(k, "cut", w.now.Add(-w.draw.policy.Quiet))
	for i := range w.places {
		p := &w.places[i]
		switch {
		case p.drifted && p.confirmed != "": // a write that mends it was confirmed and lost
		case rotator.KeyID(p.held.KeyID()) == k.id:
			w.violatedf("I3: %s is cut while %s holds it", k.id, p.name)
		case rotator.KeyID(p.reader.KeyID()) == k.id && !p.undeclared && !p.misread:
			w.violatedf("I3: %s is cut while the consumer of %s has it", k.id, p.name)
		case !w.live(p.held, w.now):
			w.violatedf("I3: %s is cut while %s holds no live key", k.id, p.name)
		case w.forgotten(p.since): // an older journal counts from an earlier push; use tells
		case rotator.KeyID(p.prior.KeyID()) == k.id && !p.mended:
			grace := max(w.draw.policy.Overlap, p.declared) - slack
			if age := w.now.Sub(p.since); age < grace {
				w.violatedf("I3: %s is cut %s after %s was written", k.id, age, p.name)
			}
		}
	}
}

// forgotten reports whether a journal that was put back since may not know of
// what was at an instant.
func (w *world) forgotten(at time.Time) bool { return !w.lost.IsZero() && !at.After(w.lost) }

// longestStep is how long before its effect a step has looked at most: what is
// left of its lease, and what AWS takes a signature for.
const longestStep = 10 * time.Minute

// checkUnused is I3's other half: AWS tells of no use since an instant. Whoever
// used a key, known or not, is found by it.
func (w *world) checkUnused(k *key, verb string, since time.Time) {
	if use := w.lastUse(k, w.now.Add(-longestStep)); use.After(since) {
		w.violatedf("I3: %s is %s, and AWS tells that it was used %s ago", k.id, verb, w.now.Sub(use))
	}
}

// checkDelete is I2 and I3 for a deletion.
func (w *world) checkDelete(k *key) {
	switch {
	case k.foreign:
		w.violatedf("I2: %s of a person is deleted", k.id)
	case k.status != rotator.Inactive:
		w.violatedf("I3: %s is deleted while it is %s", k.id, k.status)
	case w.forgotten(k.inactive) && k.switched:
		// An older journal counts from the cut before a way back, or before a person
		// switched the key on. Whoever needed it while it was Active has used it,
		// which shows.
	case w.now.Sub(k.inactive) < w.draw.policy.Trial-slack:
		w.violatedf("I3: %s is deleted %s after its cut", k.id, w.now.Sub(k.inactive))
	}
	if !w.forgotten(k.inactive) { // else the trial counts from when it is found Inactive
		w.checkUnused(k, "deleted", later(k.inactive, k.accepted).Add(useGrain))
	}
	for i := range w.places {
		if p := &w.places[i]; rotator.KeyID(p.held.KeyID()) == k.id && !(p.drifted && p.confirmed != "") {
			w.violatedf("I3: %s is deleted while %s holds it", k.id, p.name)
		}
	}
}

// checkDiscard is I2 for a key that is deleted without a trial.
func (w *world) checkDiscard(k *key) {
	if k.foreign || k.given || k.id == firstKey {
		w.violatedf("I2: %s is discarded, and somebody may hold it", k.id)
	}
}

// checkPut is I4 for stores: the key works, and its secret would survive a
// crash right now.
func (w *world) checkPut(p *place, c store.Credential, sealed bool) {
	if !w.live(c, w.now) {
		w.violatedf("I4: %s is given %s, which does not sign in", p.name, c.KeyID())
	}
	if k := w.key(rotator.KeyID(c.KeyID())); k != nil && !sealed && !w.forgotten(k.created) && !w.readableHas(c) {
		w.violatedf("I4: %s is given %s, whose secret is nowhere else", p.name, c.KeyID())
	}
}

func (w *world) readableHas(c store.Credential) bool {
	for i := range w.places {
		if p := w.places[i]; p.readable && (p.held.Equal(c) || p.unseen.Equal(c)) {
			return true
		}
	}
	return false
}

// checkSecrets is I1's other half: the secret of every live key that a store
// holds can be had again. The first key was made before our time, and whoever
// puts another key into the store of record takes the only copy of what it held.
func (w *world) checkSecrets(sealed map[rotator.KeyID][]byte) {
	if slices.ContainsFunc(w.places, func(p place) bool { return p.record && p.drifted }) {
		return
	}
	for i := range w.places {
		p := &w.places[i]
		id := rotator.KeyID(p.held.KeyID())
		if _, kept := sealed[id]; kept || p.readable || id == firstKey || !w.live(p.held, w.now) || w.readableHas(p.held) || w.forgotten(w.key(id).created) {
			continue
		}
		w.violatedf("I4: the secret of %s in %s is lost", id, p.name)
	}
}

// checkQuota is I2: never more than two keys unless a person made one.
func (w *world) checkQuota() {
	ours := 0
	for _, k := range w.keys {
		if !k.foreign {
			ours++
		}
	}
	if ours > 2 {
		w.violatedf("I2: %d keys of our making", ours)
	}
}
