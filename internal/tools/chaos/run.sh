#!/usr/bin/env bash
# Chaos with the real program, which ends with what was done and the number of anomalies:
#
#   run.sh short      # few kills of a fixed seed on either journal: what CI runs
#   run.sh long       # KILLS=1000 on either journal, or what LIMIT=24h gives
#   run.sh failover   # how long a dead replica's users wait, KILLS=20 deaths; LIMITS='{}' for the defaults
#   run.sh share      # three replicas against one
#
# SEED=n makes another history. The two journals are run side by side: most of the time
# is spent waiting.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

internal/tools/packages.sh test

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
go build -o "$work" ./internal/tools/chaos ./cmd/keyrotator

scenario() { # name, flags
    "$work/chaos" "$@" -program "$work/keyrotator" -seed "${SEED:-1}" 2>&1 | sed -u "s/^/$1: /"
}

both() { # flags
    local code=0 sqlite
    scenario sqlite "$@" &
    sqlite=$!
    scenario postgres "$@" || code=1
    wait "$sqlite" || code=1
    return "$code"
}

case "${1:-}" in
short) both -kills 4 -cycles 1 ;;
long) both -kills "${KILLS:-1000}" -at-most "${LIMIT:-24h}" ;;
failover) scenario failover -kills "${KILLS:-20}" ${LIMITS:+-limits "$LIMITS"} ;;
share) scenario share ;;
*)
    echo "usage: run.sh short|long|failover|share" >&2
    exit 2
    ;;
esac
