package rotator

import (
	"testing"
	"time"
)

func TestARefusedCutOrDeleteStartsNoGraceAgain(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		phase  Phase
		verb   Verb
		during Phase
	}{
		{"a throttled deactivate", PhaseOverlap, VerbDeactivate, PhaseDeactivating},
		{"a throttled delete", PhaseTrial, VerbDelete, PhaseDeleting},
	} {
		t.Run(test.name, func(t *testing.T) {
			late := began.Add(7 * 24 * time.Hour)
			intent := Entry{Kind: KindIntent, Verb: test.verb, Key: "AKIAOLD", At: late}
			p, err := Fold([]Entry{
				{Kind: KindOpened, At: began, Date: began, Opening: &Opening{Purpose: PurposeRotation, Retire: "AKIAOLD", Keep: "AKIANEW", Phase: test.phase}},
				intent,
			})
			if err != nil || p.Phase != test.during {
				t.Fatalf("phase after the intent = %s, %v", p.Phase, err)
			}
			for _, undo := range []Entry{
				{Kind: KindFailed, Verb: test.verb, Key: "AKIAOLD", At: late, Reason: ReasonThrottled},
				{Kind: KindNoted, Verb: VerbWithdraw, Key: "AKIAOLD", At: late},
			} {
				after, err := p.Apply(undo)
				if err != nil || after.Phase != test.phase || !after.Since.Equal(began) {
					t.Errorf("after %s: phase %s since %s, %v; want %s since %s", undo.Kind, after.Phase, after.Since, err, test.phase, began)
				}
			}
		})
	}
}
