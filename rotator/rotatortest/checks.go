package rotatortest

import (
	"context"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// row reads the journal behind every boundary, and remembers it until the next
// write.
func (w *World) row() rotator.Row {
	if w.known == nil {
		row, _ := w.Journal.Row(context.Background(), User) // a missing row is an empty one
		w.known = &row
	}
	return *w.known
}

// checkIntent is I4: the journal knows of the effect before it happens.
func (w *World) checkIntent(verb rotator.Verb, key rotator.KeyID) {
	c := w.row().Progress.Cycle
	if c == nil || c.Intent == nil || c.Intent.Verb != verb || c.Intent.Key != key {
		w.violatef("I4: %s %s without its intent in the journal", verb, key)
	}
}

// checkPut is I4 for stores: the key is Active, and its secret would survive a
// crash right now.
func (w *World) checkPut(p Place, c store.Credential) {
	id := rotator.KeyID(c.KeyID())
	if !w.live(c) {
		w.violatef("I4: %s is given %s, which does not sign in", p.Name, id)
	}
	if _, sealed := w.row().Sealed[id]; sealed {
		return
	}
	for _, other := range w.Places {
		if other.Readable && (other.Held.Equal(c) || other.Unseen.Equal(c)) {
			return
		}
	}
	w.violatef("I4: %s is given %s, whose secret is nowhere else", p.Name, id)
}

// checkCut is I2 and I3 for a deactivation.
func (w *World) checkCut(k Key) {
	if k.Foreign && !w.Named[k.ID] {
		w.violatef("I2: %s of a person is cut", k.ID)
	}
	if w.Waived {
		return
	}
	if !k.Given && k.ID != "AKIA0001" && w.Now.Sub(k.Created) < w.Policy.Quiet {
		w.violatef("I2: the orphan %s is cut %s after it was made", k.ID, w.Now.Sub(k.Created))
	}
	for _, p := range w.Places {
		switch {
		case rotator.KeyID(p.Held.KeyID()) == k.ID:
			w.violatef("I3: %s is cut while %s holds it", k.ID, p.Name)
		case rotator.KeyID(p.Reader.KeyID()) == k.ID:
			w.violatef("I3: %s is cut while the consumer of %s has it", k.ID, p.Name)
		case !w.live(p.Held):
			w.violatef("I3: %s is cut while %s holds no live key", k.ID, p.Name)
		case w.Now.Sub(p.Written) < w.Policy.Overlap && w.held(p, k.ID):
			w.violatef("I3: %s is cut %s after %s was written", k.ID, w.Now.Sub(p.Written), p.Name)
		}
	}
	if !k.LastUse.IsZero() && w.Now.Sub(k.LastUse) < w.Policy.Quiet {
		w.violatef("I3: %s is cut %s after its last use", k.ID, w.Now.Sub(k.LastUse))
	}
}

// written is when the place counts as written by the program. A write-only
// place that drifted unseen is healed by the rewrite before a cut, which then
// goes on: the reader's last use tells whether anybody had read the old key.
func (w *World) written(p Place) time.Time {
	if c := w.row().Progress.Cycle; !p.Readable && c.Intent != nil && c.Intent.Verb != rotator.VerbPush {
		return p.Written
	}
	return w.Now
}

// held reports whether the place held the key before its present content.
func (w *World) held(p Place, id rotator.KeyID) bool { return rotator.KeyID(p.Prior.KeyID()) == id }

// checkDelete is I2 and I3 for a deletion.
func (w *World) checkDelete(k Key) {
	if k.Foreign && !w.Named[k.ID] {
		w.violatef("I2: %s of a person is deleted", k.ID)
	}
	if k.Status != rotator.Inactive {
		w.violatef("I3: %s is deleted while it is %s", k.ID, k.Status)
	}
	if w.Now.Sub(k.InactiveSince) < w.Policy.Trial {
		w.violatef("I3: %s is deleted %s after its cut", k.ID, w.Now.Sub(k.InactiveSince))
	}
	for _, p := range w.Places {
		if rotator.KeyID(p.Held.KeyID()) == k.ID {
			w.violatef("I3: %s is deleted while %s holds it", k.ID, p.Name)
		}
	}
}

// checkDiscard is I2 for a key that is deleted without a trial: it is ours and
// no store was ever given it.
func (w *World) checkDiscard(k Key) {
	if k.Foreign || k.Given || k.ID == "AKIA0001" {
		w.violatef("I2: %s is discarded, and somebody may hold it", k.ID)
	}
}

// CheckSecrets is I1's other half: the secret of every live key that a place
// holds can be had again, from a readable place or from custody. The first key
// was made before our time.
func (w *World) CheckSecrets() {
	for _, p := range w.Places {
		id := rotator.KeyID(p.Held.KeyID())
		if p.Readable || id == "AKIA0001" || w.key(id) == nil { // a key that a person deleted needs no secret
			continue
		}
		_, sealed := w.row().Sealed[id]
		for _, other := range w.Places {
			sealed = sealed || other.Readable && (other.Held.Equal(p.Held) || other.Unseen.Equal(p.Held))
		}
		if !sealed && !w.Bereft {
			w.violatef("I4: the secret of %s in %s is lost", id, p.Name)
		}
	}
}

// CheckQuota is I2: never more than two keys unless a person made one.
func (w *World) CheckQuota() {
	ours := 0
	for _, k := range w.Keys {
		if !k.Foreign {
			ours++
		}
	}
	if ours > 2 {
		w.violatef("I2: %d keys of our making", ours)
	}
}
