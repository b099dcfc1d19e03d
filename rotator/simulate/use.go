package simulate

import "time"

// useGrain is in what steps AWS tells of a last use.
const useGrain = 15 * time.Minute

// span is a time in which a key was used all along.
type span struct{ from, to time.Time }

// usage is the key that one consumer uses at present, and since when.
type usage struct {
	key  *key
	from time.Time
}

// turn ends the use of a key and begins that of another; nil is none.
func (u *usage) turn(k *key, at time.Time) {
	if u.key == k {
		return
	}
	if u.key != nil {
		u.key.uses = append(u.key.uses, span{u.from, at})
	}
	u.key, u.from = k, at
}

// use records a single use of a key.
func (k *key) use(at time.Time) {
	if n := len(k.uses); n > 0 && at.Sub(k.uses[n-1].to).Abs() < useGrain/3 {
		k.uses[n-1].to = later(at, k.uses[n-1].to)
		return
	}
	k.uses = append(k.uses, span{at, at})
}

// lastUse is what AWS tells at an instant of a key's last use.
func (w *world) lastUse(k *key, told time.Time) time.Time {
	known := told.Add(-w.draw.useLag)
	var last time.Time
	see := func(s span) {
		if !s.from.After(known) {
			last = later(last, earlier(s.to, known))
		}
	}
	for _, s := range k.uses {
		see(s)
	}
	for i := range w.places {
		if u := w.places[i].usage; u.key == k {
			see(span{u.from, w.now})
		}
	}
	if w.stranger.key == k {
		see(span{w.stranger.from, w.now})
	}
	if last.IsZero() {
		return last
	}
	return last.Truncate(useGrain)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
