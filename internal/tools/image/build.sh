#!/usr/bin/env bash
# Builds the image of this work tree for one platform. The bases are named by digest,
# which is looked up by whoever builds: there are no defaults to get old.
#
#   GO_DIGEST=sha256:… BASE_DIGEST=sha256:… internal/tools/image/build.sh NAME [OPTION…]
#
# PLATFORM is linux/amd64 or linux/arm64, by default this machine's. BUILDER is docker,
# podman or buildah, with its own options; by default the first that is installed.
# GO_IMAGE and BASE_IMAGE replace the bases. OPTIONs go to the builder's build command.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

name="${1:-}"
if [ -z "$name" ]; then
    echo "no name for the image: make image IMAGE=registry.example.com/keyrotator:v1.2.3 GO_DIGEST=sha256:… BASE_DIGEST=sha256:…" >&2
    exit 2
fi
shift
for digest in GO_DIGEST BASE_DIGEST; do
    if [ -z "${!digest:-}" ]; then
        echo "$digest is empty: an image is built on bases that are named by digest (docs/operating/release.md tells how to look one up)" >&2
        exit 2
    fi
done

builder="${BUILDER:-}"
for candidate in docker podman buildah; do
    [ -n "$builder" ] && break
    command -v "$candidate" >/dev/null && builder="$candidate"
done
if [ -z "$builder" ]; then
    echo "none of docker, podman and buildah is installed: one of them has to build the image" >&2
    exit 1
fi
read -ra builder <<<"$builder"
# The command comes right after the program, and before its options.
command=("${builder[0]}" build "${builder[@]:1}")

arguments=(--platform "${PLATFORM:-linux/$(go env GOARCH)}")
for given in GO_IMAGE GO_DIGEST BASE_IMAGE BASE_DIGEST; do
    [ -n "${!given:-}" ] && arguments+=(--build-arg "$given=${!given}")
done
arguments+=(
    --build-arg "VERSION=$(git describe --tags --always --dirty)"
    --build-arg "COMMIT=$(git rev-parse HEAD)"
    --build-arg "DATE=$(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)"
)
"${command[@]}" "${arguments[@]}" --tag "$name" "$@" .
