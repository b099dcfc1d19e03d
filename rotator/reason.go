package rotator

// Reason is why a decision was taken. It is metric label, log field, text of
// the command line and name in the golden tables; a released value never
// changes its meaning.
type Reason string

// Reasons to act.
const (
	ReasonFirstSight  Reason = "first-sight"
	ReasonDue         Reason = "due"
	ReasonAsked       Reason = "asked"
	ReasonEmergency   Reason = "emergency"
	ReasonBootstrap   Reason = "bootstrap"
	ReasonUnproven    Reason = "new-key-unproven"
	ReasonBehind      Reason = "consumer-behind"
	ReasonDrift       Reason = "drift"
	ReasonUnreloaded  Reason = "consumer-not-reloaded"
	ReasonUnprobed    Reason = "consumer-unprobed"
	ReasonAcked       Reason = "acknowledged"
	ReasonAdopted     Reason = "new-key-used"
	ReasonVerified    Reason = "verified"
	ReasonTrialPassed Reason = "trial-passed"
	ReasonUsedInTrial Reason = "used-in-trial"
	ReasonProbeFailed Reason = "probe-failed"
	ReasonRollback    Reason = "rollback"
	ReasonOrphan      Reason = "orphan"
	ReasonThirdKey    Reason = "third-key"
	ReasonRebuilt     Reason = "rebuilt"
	ReasonNoKeyMade   Reason = "no-key-made"
	ReasonStaleAnswer Reason = "stale-answer"
	ReasonByHand      Reason = "done-by-hand"
	ReasonReappeared  Reason = "new-consumer"
	ReasonNotAllowed  Reason = "permission-gone"
)

// Reasons to wait.
const (
	ReasonNotDue          Reason = "not-due"
	ReasonSettling        Reason = "settling"
	ReasonSpacing         Reason = "between-sign-ins"
	ReasonReloading       Reason = "reloading"
	ReasonReloadFailing   Reason = "reload-failing"
	ReasonSoaking         Reason = "soaking"
	ReasonAwaitingAck     Reason = "awaiting-ack"
	ReasonAckOverdue      Reason = "ack-overdue"
	ReasonOverlap         Reason = "overlap"
	ReasonUnadopted       Reason = "new-key-unused"
	ReasonInUse           Reason = "old-key-in-use"
	ReasonUseUnknown      Reason = "last-use-unknown"
	ReasonTrial           Reason = "trial"
	ReasonNoDate          Reason = "no-aws-date"
	ReasonThrottled       Reason = "throttled"
	ReasonDenied          Reason = "denied"
	ReasonUnavailable     Reason = "aws-unavailable"
	ReasonNotSignedIn     Reason = "key-does-not-sign-in"
	ReasonStoreUnreadable Reason = "store-unreadable"
	ReasonStoreForeign    Reason = "store-foreign"
	ReasonStoreFailing    Reason = "store-failing"
	ReasonHalted          Reason = "halted"
	ReasonPaused          Reason = "paused"
	ReasonPausedAll       Reason = "all-paused"
	ReasonBreaker         Reason = "breaker-open"
	ReasonObserveOnly     Reason = "observe-only"
	ReasonNoDelete        Reason = "no-delete"
	ReasonFrozen          Reason = "frozen"
	ReasonOutsideWindow   Reason = "outside-window"
	ReasonUnmanaged       Reason = "not-configured"
)

// Reasons to halt. Each has a sentence and a command in Advice.
const (
	ReasonNoKey           Reason = "no-key"
	ReasonSecondKey       Reason = "second-key"
	ReasonKeyGone         Reason = "key-gone"
	ReasonKeyInactive     Reason = "key-inactive"
	ReasonForeignKey      Reason = "store-holds-unknown-key"
	ReasonRecreated       Reason = "user-recreated"
	ReasonUncertainOrphan Reason = "uncertain-orphan"
	ReasonNeverProven     Reason = "never-proven"
	ReasonWrongIdentity   Reason = "wrong-identity"
	ReasonSecretLost      Reason = "secret-lost"
	ReasonReloadStuck     Reason = "reload-stuck"
	ReasonAlarm           Reason = "alarm"
	ReasonReactivated     Reason = "reactivated-by-hand"
	ReasonRolledBack      Reason = "rolled-back"
	ReasonOldKeyGone      Reason = "old-key-gone"
	ReasonUnconfigured    Reason = "removed-from-configuration"
	ReasonConsumerRemoved Reason = "consumer-removed"
	ReasonOwnKey          Reason = "own-key"
)
