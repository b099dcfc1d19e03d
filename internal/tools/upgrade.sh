#!/usr/bin/env bash
# Builds the program as it was at a commit, and runs it before and beside the present one
# on the same journals (build tag upgrade).
#
#   internal/tools/upgrade.sh            # the newest release; before the first release
#                                        # the oldest commit that can share a journal
#   internal/tools/upgrade.sh v0.3.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

previous="${1:-}"
if [ -z "$previous" ]; then
    previous="$(git describe --tags --abbrev=0 2>/dev/null ||
        git log --format=%h --diff-filter=A -- rotator/dispatch/dispatch.go | tail -n 1)"
fi

work="$(mktemp -d)"
trap 'git worktree remove --force "$work/tree" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/tree" "$previous"
(cd "$work/tree" && go build -trimpath -o "$work/keyrotator" ./cmd/keyrotator)

echo "the previous version is $(git log -1 --format='%h (%cs: %s)' "$previous")"
KEYROTATOR_PREVIOUS="$work/keyrotator" go test -tags upgrade -count=1 -timeout 10m -v \
    -run 'PreviousOneBegan$|^TestThePreviousVersionWorksBesideThisOne' ./cmd/keyrotator | grep -E '^(---|ok|FAIL|PASS|    |panic)'
