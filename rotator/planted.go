package rotator

// plant names a bug that a test build can be given on purpose, each a mistake
// that a tool of this kind has made. The list, the test that must find each
// and the reason for each are in docs/reliability.md.
type plant string

const (
	plantDeleteOldest  plant = "delete-the-oldest"
	plantNoIntent      plant = "no-intent"
	plantStoreFirst    plant = "store-before-journal"
	plantDiscard       plant = "discard-instead-of-read-back"
	plantSkipProve     plant = "skip-prove"
	plantUnknownUnused plant = "unknown-use-is-unused"
	plantNoRecount     plant = "no-recount"
	plantNoReread      plant = "no-re-read-before-delete"
	plantLocalClock    plant = "local-clock-for-graces"
	plantNoGrace       plant = "no-overlap"
	plantNoQuiet       plant = "no-quiet-check"
	plantOrphanAtOnce  plant = "delete-orphan-at-once"
	plantNoRewrite     plant = "no-rewrite-of-write-only"
	plantNoHeal        plant = "no-heal"
	plantNoCustody     plant = "secret-not-sealed"
	plantNoTrial       plant = "no-trial"
	plantNoFence       plant = "no-fence"
	plantNoReadBack    plant = "no-read-back"
	plantNoLiveCheck   plant = "no-live-check-before-write"
	plantNoStage       plant = "canary-before-record"
	plantNoReloadWait  plant = "reload-not-waited-for"
	plantOwnUse        plant = "own-use-is-adoption"
	plantNoVerify      plant = "no-verify-before-cut"
	plantRecordLast    plant = "store-of-record-not-first"
)
