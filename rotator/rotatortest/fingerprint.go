package rotatortest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var instant = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)

// Fingerprint tells two worlds apart that may go on differently. Instants count
// by how long ago they are, so that worlds which differ in nothing but the date
// are one.
func (w *World) Fingerprint() string {
	var b strings.Builder
	row := w.row()
	progress, err := json.Marshal(row.Progress)
	if err != nil {
		panic(err) // a progress is plain data
	}
	b.Write(instant.ReplaceAllFunc(progress, func(quoted []byte) []byte {
		t, err := time.Parse(time.RFC3339Nano, strings.Trim(string(quoted), `"`))
		if err != nil {
			return quoted
		}
		return []byte(w.ago(t))
	}))
	custody := make([]string, 0, len(row.Sealed))
	for id := range row.Sealed {
		custody = append(custody, string(id))
	}
	slices.Sort(custody)
	fmt.Fprintf(&b, "|%s|%s|%d|%v|%d|%v|%v", row.Waiting, w.ago(row.Due), min(row.Attempts, 7), custody, len(row.Requests), w.Named, w.Waived)
	for _, k := range w.Keys {
		fmt.Fprintf(&b, "|%s %s %s %s %s %v %v", k.ID, k.Status, w.ago(k.Created), w.ago(k.LastUse), w.ago(k.InactiveSince), k.Foreign, w.Broken[k.ID])
	}
	if w.Now.Sub(w.Changed) < staleness {
		for _, k := range w.Before {
			fmt.Fprintf(&b, "~%s %s", k.ID, k.Status)
		}
	}
	for _, p := range w.Places {
		fmt.Fprintf(&b, "|%s %s %s %s %s", p.Name, p.Held.KeyID(), p.Prior.KeyID(), w.ago(p.Since), p.Reader.KeyID())
		if p.Stages || p.Reloads {
			fmt.Fprintf(&b, " %s %s %s", p.Unseen.KeyID(), p.Token, w.ago(p.Restart))
		}
	}
	return b.String()
}

// ago is a time's distance from now; what is long past is all alike.
func (w *World) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := w.Now.Sub(t)
	if longest := 2 * (w.Policy.Overlap + w.Policy.Trial + w.Policy.Quiet); d > longest {
		return "past"
	}
	return d.Round(time.Second).String()
}
