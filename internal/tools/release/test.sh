#!/usr/bin/env bash
# Makes everything that a release consists of, signs and publishes nothing, and looks
# into it: the same program as in the image, archives, the list of parts, checksums, deb
# and rpm; then installs the deb on a systemd and lets it work (trial.sh). Needs root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

if [ "$(id -u)" -ne 0 ]; then
    echo "the test of a release boots a systemd in namespaces of its own: run it as root" >&2
    exit 1
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
say() { printf '    %s\n' "$*"; }
fail() {
    printf 'release-test: %s\n' "$*" >&2
    exit 1
}
tools="$(internal/tools/install.sh release)"
PATH="$tools:$PATH"

unit=internal/tools/release/packaging/systemd/keyrotator.service
systemd-analyze security --offline=true --threshold=15 "$unit" >"$work/exposure" ||
    fail "the unit is more exposed than 1.5: $(tail -1 "$work/exposure")"
say "the unit: $(tail -1 "$work/exposure" | cut -c 5-55)"

# goreleaser wants a repository that came from somewhere: a clone, with what is not
# committed yet on top.
git clone --quiet --no-checkout . "$work/source"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar --ignore-failed-read -cf - 2>/dev/null | tar -xf - -C "$work/source"
git -C "$work/source" reset --quiet
version="$(git -C "$work/source" describe --tags --always --dirty)"
commit="$(git rev-parse HEAD)"
date="$(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)"
(cd "$work/source" && goreleaser check --quiet) || fail "goreleaser does not take .goreleaser.yaml"
(cd "$work/source" && goreleaser release --snapshot --clean --skip=sign --parallelism 2) >"$work/goreleaser.log" 2>&1 ||
    fail "$(cat "$work/goreleaser.log")"
dist="$work/source/dist"
host="$(go env GOARCH)"
made=("$dist"/*.tar.gz "$dist"/*.deb "$dist"/*.rpm "$dist"/*.cdx.json "$dist/checksums.txt")
[ "${#made[@]}" = 9 ] || fail "want two archives, debs, rpms and lists of parts, and the checksums; made are ${made[*]##*/}"
(cd "$dist" && sha256sum --check --quiet checksums.txt) || fail "the checksums are wrong"
[ "$(wc -l <"$dist/checksums.txt")" = 8 ] || fail "the checksums are not of all 8 files"

internal/tools/release/program.sh "$PWD" "$work/program" "$version" "$commit" "$date"
mkdir "$work/archive" "$work/deb"
tar -xzf "$dist"/keyrotator_*_linux_"$host".tar.gz -C "$work/archive" --strip-components 1
dpkg-deb --extract "$dist"/keyrotator_*_"$host".deb "$work/deb"
for found in "$work/archive/keyrotator" "$work/deb/usr/bin/keyrotator"; do
    cmp "$work/program" "$found" || fail "another program than that of the image"
done
"$work/archive/keyrotator" version | grep -qF "commit     $commit" || fail "version does not tell the commit"
for file in LICENSE docs/operations.md docs/operating/README.md examples/iam/permissions.json internal/tools/release/packaging/systemd/keyrotator.service; do
    [ -e "$work/archive/$file" ] || fail "the archive has no $file"
done
say "archives and packages for amd64 and arm64; the program is that of the image, byte for byte"

# rpm is read, not installed: this machine has another package manager.
rpm="$(echo "$dist"/keyrotator-*."$(uname -m)".rpm)"
rpm --checksig --nosignature "$rpm" >/dev/null || fail "the rpm is damaged"
diff <(cd "$work/deb" && find . -type f -printf '/%P\n' | sort) <(rpm --query --list --package "$rpm" | grep -v -e '^/etc/keyrotator$' -e '/credentials$' | sort) ||
    fail "rpm and deb differ"
[ "$(rpm --query --scripts --package "$rpm" | grep -c scriptlet)" = 3 ] || fail "the rpm has not the three scripts"
jq -e '.bomFormat == "CycloneDX" and .metadata.component.name == "github.com/keyrotator/keyrotator"
    and ([.components[] | select(.name == "modernc.org/sqlite" and .version != "" and (.hashes | length) > 0)] | length) == 1' \
    "$dist"/keyrotator_*_linux_"$host".cdx.json >/dev/null || fail "the list of parts lacks the program or SQLite"
say "$(jq '.components | length' "$dist"/keyrotator_*_linux_"$host".cdx.json) parts are listed, with versions and hashes"

mkdir "$work/trial"
cp "$dist"/keyrotator_*_"$host".deb "$work/trial/keyrotator.deb"
internal/tools/release/boot.sh internal/tools/release/trial.sh "$work/trial" || fail "the package did not pass its trial"
say "on a systemd: installed, rotated a user, reloaded, watched, restarted, upgraded, removed"
