package rotator

import "strings"

// Advice is what a person reads and types about a reason.
type Advice struct {
	// Sentence says what is the case.
	Sentence string
	// Commands are what may be typed, with USER and KEY to be filled in; the
	// first is the usual one.
	Commands []string
}

// advice says of each reason what a person can do about it.
func advice(reason Reason) (Advice, bool) {
	a, ok := map[Reason]Advice{
		ReasonNoKey: {"the user has no access key, and bootstrap is off",
			[]string{"set bootstrap: true for the user, then: keyrotator resume USER"}},
		ReasonSecondKey: {"the user has a second key that keyrotator does not know; nothing was touched",
			[]string{"keyrotator adopt USER KEY-IN-USE", "keyrotator evict USER OTHER-KEY"}},
		ReasonKeyGone: {"the key in use is no longer listed, and no store tells which key is",
			[]string{"keyrotator adopt USER KEY-IN-USE"}},
		ReasonKeyInactive: {"the key in use was made inactive by somebody else",
			[]string{"activate it again in IAM, then: keyrotator resume USER", "keyrotator adopt USER KEY-IN-USE"}},
		ReasonForeignKey: {"a store holds a key that is not one of this user's",
			[]string{"put the user's key back into the store, then: keyrotator resume USER"}},
		ReasonRecreated: {"the IAM user was deleted and made again under the same name",
			[]string{"keyrotator adopt USER KEY-IN-USE"}},
		ReasonUncertainOrphan: {"a key appeared while a create had no answer, and it cannot be told whose it is",
			[]string{"keyrotator adopt USER KEY-IN-USE", "keyrotator evict USER OTHER-KEY"}},
		ReasonNeverProven: {"the new key never signed in reliably within its limit; no store has seen it",
			[]string{"keyrotator resume USER", "keyrotator adopt USER OLD-KEY", "keyrotator evict USER NEW-KEY"}},
		ReasonWrongIdentity: {"the new key signs in as somebody else; no store has seen it",
			[]string{"keyrotator adopt USER OLD-KEY", "keyrotator evict USER NEW-KEY"}},
		ReasonSecretLost: {"the secret of a key is neither in custody nor in a readable store",
			[]string{"keyrotator adopt USER KEY-IN-USE", "keyrotator evict USER OTHER-KEY"}},
		ReasonReactivated: {"somebody made the old key active again during its trial",
			[]string{"keyrotator resume USER", "keyrotator rollback USER"}},
		ReasonProbeFailed: {"a consumer failed its probe after the cut; the old key is active again",
			[]string{"keyrotator resume USER", "keyrotator rollback USER"}},
		ReasonReloadStuck: {"a consumer was told to take the new key and did not become healthy within its limit; both keys work",
			[]string{"mend it, then: keyrotator resume USER", "keyrotator rollback USER"}},
		ReasonAlarm: {"somebody signalled that a consumer fails; both keys work",
			[]string{"mend it, then: keyrotator resume USER", "keyrotator rollback USER"}},
		ReasonUsedInTrial: {"a key that was to go was used after its cut; it is active again",
			[]string{"find out who uses it, then: keyrotator resume USER", "keyrotator adopt USER KEY-IN-USE"}},
		ReasonRolledBack: {"the old key is back in use; the new one stays active until you decide",
			[]string{"keyrotator resume USER", "keyrotator evict USER NEW-KEY"}},
		ReasonOldKeyGone: {"the old key no longer exists, so there is no way back to it",
			[]string{"keyrotator resume USER"}},
		ReasonUnconfigured: {"the user was taken out of the configuration in the middle of a cycle",
			[]string{"put the user back, then: keyrotator resume USER"}},
		ReasonConsumerRemoved: {"a consumer was taken out of the configuration in the middle of a cycle",
			[]string{"keyrotator resume USER", "put the consumer back, then: keyrotator resume USER"}},
		ReasonOwnKey: {"keyrotator itself signs with this user's key and will not cut its own hand off",
			[]string{"give keyrotator a role or another user, then: keyrotator resume USER"}},
		ReasonThirdKey: {"the user has more keys than keyrotator made; none of the others was touched",
			[]string{"delete the key that nobody needs in IAM, then: keyrotator resume USER"}},
	}[reason]
	return a, ok
}

// Advise tells what a person may do about a halt of a user. The second result
// is false for a reason that asks for nobody.
func Advise(reason Reason, user User) (Advice, bool) {
	a, ok := advice(reason)
	if !ok {
		return Advice{}, false
	}
	out := Advice{Sentence: a.Sentence}
	for _, c := range a.Commands {
		out.Commands = append(out.Commands, strings.Replace(c, "USER", user.String(), 1))
	}
	return out, true
}
