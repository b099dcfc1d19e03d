#!/usr/bin/env bash
# Builds the tools that a tools module pins, once, and prints the folder they are in.
#
#   bin="$(internal/tools/install.sh lint)"      # internal/tools/lint/go.mod
#
# The folder lies outside the work tree and is named after everything that can
# change what is built: the module's own files, the Go version and the platform.
# A changed pin therefore builds beside the old tools, and switching branches back
# builds nothing. Nothing here removes an old folder: `make clean-tools` does.
set -euo pipefail

module="${1:?usage: install.sh MODULE (a folder of internal/tools with a go.mod)}"
cd "$(dirname "${BASH_SOURCE[0]}")/$module"

root="${KEYROTATOR_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/keyrotator-tools}"
shopt -s nullglob # a module may have programs of its own
key="$({ cat go.mod go.sum ./*.go; go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-16)"
bin="$root/$module-$key"
mkdir -p "$bin"

# Two builds at once would only waste time, but minutes of it: the second one waits
# and then finds everything there.
exec 9>"$root/$module-$key.lock"
flock 9

go list -f '{{.ImportPath}}' tool | while IFS= read -r package; do
    name="${package##*/}"
    [ -x "$bin/$name" ] && continue
    echo "building $name (once; kept in $bin)" >&2
    # Built under another name and moved: an interrupted build leaves no tool behind
    # that looks finished. GOFLAGS of the caller (-race, -mod=…) are not for tools.
    GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$bin/.$name.partial" "$package"
    mv "$bin/.$name.partial" "$bin/$name"
done

echo "$bin"
