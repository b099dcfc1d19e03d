#!/usr/bin/env bash
# Installs what holds a dashboard against Grafana's types, once, and prints the folder.
#
#   node "$(internal/tools/grafana/install.sh)/validate.mjs" dashboard.json
#   internal/tools/grafana/install.sh --built # fails instead of installing
#
# The folder lies outside the work tree, as those of ../install.sh do. The versions are
# those of package-lock.json, with their checksums.
set -euo pipefail

only="${1:-}"
cd "$(dirname "${BASH_SOURCE[0]}")"

root="${KEYROTATOR_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/keyrotator-tools}"
files=(package.json package-lock.json tsconfig.json types.ts validate.mjs)
key="$({ cat "${files[@]}"; node --version; } | sha256sum | cut -c1-16)"
bin="$root/grafana-$key"
# The last thing that an installation does is to make this file.
if [ -e "$bin/.built" ]; then
    echo "$bin"
    exit 0
fi
if [ "$only" = --built ]; then
    echo "Grafana's types are not installed: run internal/tools/grafana/install.sh" >&2
    exit 1
fi
mkdir -p "$bin"

exec 9>"$root/grafana-$key.lock"
flock 9
if [ ! -e "$bin/.built" ]; then
    echo "installing Grafana's types (once; kept in $bin)" >&2
    cp "${files[@]}" "$bin/"
    # Nothing of a package is run by its installation.
    npm ci --prefix "$bin" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    touch "$bin/.built"
fi
echo "$bin"
