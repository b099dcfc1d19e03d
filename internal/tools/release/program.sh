#!/usr/bin/env bash
# Builds the program as a release does, from a folder of sources: what Dockerfile and
# .goreleaser.yaml make must be the same bytes.
#
#   internal/tools/release/program.sh SOURCES OUT VERSION COMMIT DATE
set -euo pipefail
cd "$1"
GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$3 -X main.commit=$4 -X main.date=$5" -o "$2" ./cmd/keyrotator
