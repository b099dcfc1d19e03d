#!/usr/bin/env bash
# Chaos with the real program: make chaos CHAOS=short|long. Prints what was done; the
# first scenario that breaks ends the run. SEED=n makes another history.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

case "${1:-}" in
short) kills=15 ;;
long) kills="${KILLS:-1000}" ;;
*)
    echo "usage: run.sh short|long" >&2
    exit 2
    ;;
esac

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
go build -o "$work/chaos" ./internal/tools/chaos
for scenario in sqlite postgres; do
    echo "==> chaos $scenario, $kills kills"
    "$work/chaos" "$scenario" -kills "$kills" -seed "${SEED:-1}"
done
