package rotator_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/keyrotator/keyrotator/rotator"
)

// The generators draw from few values, so that what they draw often agrees
// with itself, and nothing in a state is ruled out.

var genesis = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 4).Draw(t, "none") == 0 {
			return time.Time{}
		}
		return genesis.Add(time.Duration(rapid.IntRange(-100, 200).Draw(t, "hours")) * time.Hour)
	})
}

func keyIDs() *rapid.Generator[rotator.KeyID] {
	return rapid.SampledFrom([]rotator.KeyID{"", oldKey, newKey, thirdKey})
}

func reasons() *rapid.Generator[rotator.Reason] {
	return rapid.SampledFrom([]rotator.Reason{
		"", rotator.ReasonThrottled, rotator.ReasonNotSignedIn, rotator.ReasonSecretLost,
		rotator.ReasonWrongIdentity, rotator.ReasonReactivated, rotator.ReasonUsedInTrial,
	})
}

func troubles() *rapid.Generator[rotator.Trouble] {
	return rapid.Custom(func(t *rapid.T) rotator.Trouble {
		if rapid.IntRange(0, 3).Draw(t, "fine") > 0 {
			return rotator.Trouble{}
		}
		return rotator.Trouble{Reason: reasons().Draw(t, "trouble"), Detail: "detail"}
	})
}

func consumerLists() *rapid.Generator[[]rotator.Pinned] {
	return rapid.Custom(func(t *rapid.T) []rotator.Pinned {
		var list []rotator.Pinned
		for _, name := range []string{"fake:record", "fake:blind", "fake:more"} {
			if rapid.IntRange(0, 3).Draw(t, "left out") == 0 {
				continue
			}
			list = append(list, rotator.Pinned{
				Name: name, Required: rapid.Bool().Draw(t, "required"), Record: rapid.Bool().Draw(t, "record"),
				Readable: rapid.Bool().Draw(t, "readable"), Probed: rapid.Bool().Draw(t, "probed"),
				Refreshes: time.Duration(rapid.IntRange(0, 5).Draw(t, "refreshes")) * time.Hour,
			})
		}
		return list
	})
}

func verbs() *rapid.Generator[rotator.Verb] {
	return rapid.SampledFrom([]rotator.Verb{
		rotator.VerbWait, rotator.VerbObserve, rotator.VerbAdopt, rotator.VerbOpen, rotator.VerbSuspect, rotator.VerbClear,
		rotator.VerbAbandon, rotator.VerbRecognise, rotator.VerbForget, rotator.VerbHeal, rotator.VerbRepin,
		rotator.VerbAccept, rotator.VerbClose, rotator.VerbWithdraw, rotator.VerbHalt, rotator.VerbPause,
		rotator.VerbResume, rotator.VerbReject, rotator.VerbTurn, rotator.VerbAsk, rotator.VerbHurry,
		rotator.VerbCreate, rotator.VerbProve, rotator.VerbPush, rotator.VerbProbe, rotator.VerbRestore,
		rotator.VerbDeactivate, rotator.VerbReactivate, rotator.VerbDelete, rotator.VerbDiscard,
	})
}

func phases() *rapid.Generator[rotator.Phase] {
	return rapid.SampledFrom([]rotator.Phase{
		rotator.PhaseUnseen, rotator.PhaseIdle, rotator.PhaseCreating, rotator.PhaseProving, rotator.PhasePropagating,
		rotator.PhaseOverlap, rotator.PhaseDeactivating, rotator.PhaseTrial, rotator.PhaseDeleting,
		rotator.PhaseRollingBack, rotator.PhaseRolledBack, "of-a-newer-version",
	})
}

func whens() *rapid.Generator[map[string]time.Time] {
	return rapid.MapOf(rapid.SampledFrom([]string{"fake:record", "fake:blind", "fake:more"}), instants())
}

func cycles() *rapid.Generator[*rotator.Cycle] {
	return rapid.Custom(func(t *rapid.T) *rotator.Cycle {
		if rapid.IntRange(0, 4).Draw(t, "no cycle") == 0 {
			return nil
		}
		c := &rotator.Cycle{
			Number: 1, Request: int64(rapid.IntRange(0, 2).Draw(t, "request")),
			Before:   rapid.SliceOfN(keyIDs(), 0, 2).Draw(t, "before"),
			Intended: instants().Draw(t, "intended"), Signed: rapid.IntRange(0, 3).Draw(t, "signed"),
			SignedAt: instants().Draw(t, "signed at"), Touched: rapid.Bool().Draw(t, "touched"),
			Pushed: whens().Draw(t, "pushed"), Probed: whens().Draw(t, "probed"),
			ProbeFailed: rapid.SampledFrom([]string{"", "", "fake:record"}).Draw(t, "probe failed"),
			Verified:    instants().Draw(t, "verified"), Healed: instants().Draw(t, "healed"),
			Inactive: instants().Draw(t, "inactive"), UseAtCut: instants().Draw(t, "use at cut"),
		}
		c.Opening = rotator.Opening{
			Purpose: rapid.SampledFrom([]rotator.Purpose{
				rotator.PurposeRotation, rotator.PurposeRotation, rotator.PurposeBootstrap, rotator.PurposeOrphan, rotator.PurposeEvict,
			}).Draw(t, "purpose"),
			Policy: searchPolicy(), Consumers: consumerLists().Draw(t, "pinned"),
			Retire:    rapid.SampledFrom([]rotator.KeyID{oldKey, oldKey, newKey, ""}).Draw(t, "retire"),
			Keep:      rapid.SampledFrom([]rotator.KeyID{newKey, newKey, oldKey, ""}).Draw(t, "keep"),
			Emergency: rapid.Bool().Draw(t, "emergency"), CutFirst: rapid.Bool().Draw(t, "cut first"),
		}
		if rapid.Bool().Draw(t, "intends") {
			c.Intent = &rotator.Intent{Reason: rotator.ReasonAsked, Verb: verbs().Draw(t, "intent"), Key: keyIDs().Draw(t, "intended key")}
		}
		return c
	})
}

func progresses() *rapid.Generator[rotator.Progress] {
	return rapid.Custom(func(t *rapid.T) rotator.Progress {
		p := rotator.Progress{
			Schema: rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "schema"), UserID: "AIDA1",
			Current: keyIDs().Draw(t, "current"), Created: instants().Draw(t, "created"),
			Phase: phases().Draw(t, "phase"), Since: instants().Draw(t, "since"),
			Cycle: cycles().Draw(t, "cycle"), Paused: rapid.Bool().Draw(t, "paused"), Suspect: instants().Draw(t, "suspect"),
		}
		if rapid.IntRange(0, 5).Draw(t, "halted") == 0 {
			p.Halt = &rotator.Halt{Reason: reasons().Draw(t, "halt")}
		}
		if rapid.IntRange(0, 5).Draw(t, "asked") == 0 {
			p.Asked = &rotator.Request{Number: 1, Verb: rotator.RequestRotate, CutFirst: rapid.Bool().Draw(t, "asked to cut first")}
		}
		return p
	})
}

func lives() *rapid.Generator[*rotator.Live] {
	return rapid.Custom(func(t *rapid.T) *rotator.Live {
		if rapid.IntRange(0, 5).Draw(t, "blind") == 0 {
			return nil
		}
		live := &rotator.Live{
			Needs: rotator.Needs{
				Keys: true, Identity: true, Stores: true, History: true, Check: true,
				UseOf: keyIDs().Draw(t, "use of"), SignIn: keyIDs().Draw(t, "sign in"),
			},
			Read: genesis, Date: instants().Draw(t, "date"),
			Identity:    rotator.Identity{UserID: rapid.SampledFrom([]string{"AIDA1", "AIDA1", "AIDA2"}).Draw(t, "is")},
			Signed:      rotator.Identity{UserID: rapid.SampledFrom([]string{"AIDA1", "AIDA1", ""}).Draw(t, "signed in as")},
			Use:         rotator.LastUse{Known: rapid.Bool().Draw(t, "known"), At: instants().Draw(t, "used")},
			SignTrouble: troubles().Draw(t, "sign trouble"), Trouble: troubles().Draw(t, "trouble"),
			Stores: map[string]rotator.StoreView{}, Rewritten: map[string]bool{},
		}
		for _, id := range []rotator.KeyID{oldKey, newKey, thirdKey} {
			if odds := rapid.IntRange(0, 3).Draw(t, "listed"); odds == 0 || id == thirdKey && odds < 3 {
				continue
			}
			live.Keys = append(live.Keys, rotator.Key{
				ID: id, Status: rapid.SampledFrom([]rotator.Status{rotator.Active, rotator.Inactive, "Expired"}).Draw(t, "status"),
				Created: instants().Draw(t, "key created"),
			})
		}
		for _, name := range []string{"fake:record", "fake:blind", "fake:more"} {
			live.Stores[name] = rotator.StoreView{
				Held: keyIDs().Draw(t, "held"), Owner: "acct/robot", Previous: keyIDs().Draw(t, "previous"),
				Mismatch: rapid.IntRange(0, 5).Draw(t, "mismatch") == 0, Trouble: troubles().Draw(t, "store trouble"),
			}
			live.Rewritten[name] = rapid.Bool().Draw(t, "rewritten")
		}
		return live
	})
}

func requests() *rapid.Generator[[]rotator.Request] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rotator.Request {
		return rotator.Request{
			Number: 1, Key: keyIDs().Draw(t, "request key"), Emergency: rapid.Bool().Draw(t, "emergency"),
			Verb: rapid.SampledFrom([]string{
				rotator.RequestRotate, rotator.RequestRollback, rotator.RequestPause, rotator.RequestResume,
				rotator.RequestAdopt, rotator.RequestEvict, "of-a-newer-version",
			}).Draw(t, "request"),
		}
	}), 0, 1)
}

func states() *rapid.Generator[rotator.State] {
	return rapid.Custom(func(t *rapid.T) rotator.State {
		s := rotator.State{
			User: rotator.User{Account: "acct", Name: "robot"}, Configured: rapid.IntRange(0, 5).Draw(t, "absent") > 0,
			Bootstrap: rapid.Bool().Draw(t, "bootstrap"), Progress: progresses().Draw(t, "progress"),
			Requests: requests().Draw(t, "requests"), Custody: map[rotator.KeyID]bool{newKey: rapid.Bool().Draw(t, "sealed")},
			Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"), Waiting: reasons().Draw(t, "waiting"),
			Look: rapid.Bool().Draw(t, "look"), OwnKey: rapid.SampledFrom([]rotator.KeyID{"", "", oldKey}).Draw(t, "own"),
			Live: lives().Draw(t, "live"),
		}
		s.Consumers = consumerLists().Draw(t, "consumers")
		if c := s.Progress.Cycle; c != nil && rapid.IntRange(0, 3).Draw(t, "as pinned") > 0 {
			s.Consumers = c.Consumers
		}
		return s
	})
}
