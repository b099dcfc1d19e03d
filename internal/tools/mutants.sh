#!/usr/bin/env bash
# The mutation gate: build the tests with the planted bugs in (build tag planted), switch
# one on at a time, and see that the test named beside it fails. A bug that survives, or a
# named test that does not exist, fails the gate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# bug, package, the test that must find it. A bug marked defence breaks nobody, because
# something else catches what it lets through (docs/reliability.md says what): the test
# must pass with it, so that this table cannot rot either way.
table='
delete-the-oldest            ./rotator          TestNoCrashBreaksAConsumer
no-intent                    ./rotator          TestNoCrashBreaksAConsumer
store-before-journal         ./rotator          TestNoCrashBreaksAConsumer
discard-instead-of-read-back ./rotator          TestNoCrashBreaksAConsumer
skip-prove                   ./rotator          TestNoCrashWithAPersonInTheConsoleBreaksAConsumer
no-re-read-before-delete     ./rotator          TestNoCrashWithAPersonInTheConsoleBreaksAConsumer
no-overlap                   ./rotator          TestNoCrashBreaksAConsumer
no-quiet-check               ./rotator          TestNoDriftBreaksAConsumer
no-trial                     ./rotator          TestNoCrashBreaksAConsumer
delete-orphan-at-once        ./rotator          TestNoCrashBreaksAConsumer
no-rewrite-of-write-only     ./rotator          TestNoDriftBreaksAConsumer
no-heal                      ./rotator          TestNoDriftBreaksAConsumer
secret-not-sealed            ./rotator          TestACleanCycleReplacesTheKey
unknown-use-is-unused        ./rotator          TestAnUnknownLastUseIsNeverTakenForUnused
no-recount                   ./rotator          TestAThirdKeyFromTheQuotaRace
local-clock-for-graces       ./rotator          TestAJumpOfTheLocalClockShortensNoGrace
no-fence                     ./rotator          TestNoEffectIsSentAfterItsLease
no-live-check-before-write   ./rotator          TestARestoredJournalBreaksNobody
canary-before-record         ./rotator          TestAJournalThatIsLostWhileACanarySoaksLosesNoKey
reload-not-waited-for        ./rotator          TestACycleWaitsForItsReloadsAndIsStoppedByOneThatSticks
own-use-is-adoption          ./rotator          TestTheOverlapLastsUntilSomebodyElseHasUsedTheNewKey
no-verify-before-cut         ./rotator          TestNoDriftBreaksAConsumer
store-of-record-not-first    ./rotator          TestTheStoreOfRecordIsWrittenBeforeAllOthersEvenAfterItFailed
retry-create                 ./rotator/iamkeys  TestCreateIsOneCallOnTheWireWhateverHappens
no-read-back                 ./rotator/simulate TestHistoriesOfFaultsBreakNobody   defence
'

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
survived=0
killed=0
defences=0

binary() { # one test binary a package
    local out
    out="$work/$(tr '/.' '__' <<<"$1").test"
    [ -x "$out" ] || go test -tags planted -c -o "$out" "$1"
    printf '%s' "$out"
}

while read -r bug package test defence; do
    [ -n "$bug" ] || continue
    program="$(binary "$package")"
    if ! (cd "$package" && "$program" -test.list "^$test\$") | grep -q .; then
        printf 'NO TEST   %-30s %s has no %s\n' "$bug" "$package" "$test"
        survived=$((survived + 1))
    elif (cd "$package" && KEYROTATOR_PLANT="$bug" "$program" -test.failfast -test.run "^$test\$") >"$work/log" 2>&1; then
        if [ -n "$defence" ]; then
            printf 'defence   %-30s %s\n' "$bug" "$test"
            defences=$((defences + 1))
        else
            printf 'SURVIVED  %-30s %s\n' "$bug" "$test"
            survived=$((survived + 1))
        fi
    elif [ -n "$defence" ]; then
        printf 'NO DEFENCE %-29s %s fails: name it as the test that kills it\n' "$bug" "$test"
        survived=$((survived + 1))
    else
        printf 'killed    %-30s %s\n' "$bug" "$test"
        killed=$((killed + 1))
    fi
done <<<"$table"

# Every bug of the source must be in the table.
for bug in $(grep -rhoE 'plant = "[a-z-]+"' rotator | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u); do
    if ! grep -q "^$bug " <<<"$table"; then
        printf 'NOT LISTED %s\n' "$bug"
        survived=$((survived + 1))
    fi
done

printf '%d planted bugs killed, %d break nobody, %d survived\n' "$killed" "$defences" "$survived"
[ "$survived" -eq 0 ]
