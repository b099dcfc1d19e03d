#!/usr/bin/env bash
# Builds the image as a release does, on stand-ins for its bases, and runs it: the
# Dockerfile's own steps, the refusals, what is in the image and nothing else, the
# user, static, time zones and SQLite without a C library, the other platform, and the
# same bytes from another folder. No registry is asked. Needs root, for chroot.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

if [ "$(id -u)" -ne 0 ]; then
    echo "the test of the image builds and runs in a chroot: run it as root" >&2
    exit 1
fi
work="$(mktemp -d)"
# Images are kept here and nowhere else. The first word is the command, as in build.sh.
options=(--storage-driver vfs --root "$work/storage" --runroot "$work/run")
b() { buildah "$1" "${options[@]}" "${@:2}"; }
trap 'b rm --all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

say() { printf '    %s\n' "$*"; }
fail() {
    printf 'image-test: %s\n' "$*" >&2
    exit 1
}

# commit FOLDER NAME [OPTION…]: an image that holds the folder, and its digest.
commit() {
    local container
    container="$(b from scratch)"
    b copy --quiet "$container" "$1" / >/dev/null
    b config "${@:3}" "$container"
    b commit --quiet --rm "$container" "$2" >/dev/null
    b images --digests --format '{{.Digest}}' "$2"
}

# The compiler's base: a shell and certificates. This machine's Go and its caches are
# mounted, so that nothing large is copied, and a second run compiles nothing.
mounted=(--volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/go/pkg/mod" --volume "$(go env GOCACHE):/cache")
mkdir -p "$work"/go/{bin,tmp,etc/ssl/certs}
cp /bin/busybox "$work/go/bin/"
for applet in sh grep mkdir; do ln -s busybox "$work/go/bin/$applet"; done
cp -L /etc/ssl/certs/ca-certificates.crt "$work/go/etc/ssl/certs/"
GO_DIGEST="$(commit "$work/go" localhost/stand-in-go --env PATH=/usr/local/go/bin:/bin --env GOPATH=/go --env GOCACHE=/cache)"

# What the program runs on: as distroless/static, without any program or library. Time
# zones are left out to see that the program brings its own.
mkdir -p "$work"/base/{etc/ssl/certs,tmp,var/lib,home/nonroot}
chmod 1777 "$work/base/tmp"
cp -L /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$work/base/etc/passwd"
BASE_DIGEST="$(commit "$work/base" localhost/stand-in-base)"

export GO_IMAGE=localhost/stand-in-go GO_DIGEST BASE_IMAGE=localhost/stand-in-base BASE_DIGEST
export BUILDER="buildah ${options[*]} --pull-never --isolation chroot"

# refused SENTENCE COMMAND…: the command fails, and a line begins with the sentence. It
# is tried again when it failed without: buildah's chroot may lose the last lines of a
# program that ends at once.
refused() {
    local said
    for _ in 1 2 3 4 5; do
        if said="$("${@:2}" 2>&1)"; then fail "was not refused: ${*:2}"; fi
        if grep -q -- "^$1" <<<"$said"; then return; fi
    done
    fail "was refused without \"$1\": $said"
}
build=(b build --pull-never --isolation chroot "${mounted[@]}" --build-arg GO_IMAGE=localhost/stand-in-go --build-arg BASE_IMAGE=localhost/stand-in-base)
stamp=(--build-arg VERSION=v0 --build-arg COMMIT=0 --build-arg DATE=now)
tag="sha256:latest"
refused 'GO_DIGEST is "": want the digest of the image that compiles' "${build[@]}" "${stamp[@]}" --build-arg "BASE_DIGEST=$BASE_DIGEST" .
refused 'BASE_DIGEST is "": want the digest of the image that keyrotator runs on' "${build[@]}" "${stamp[@]}" --build-arg "GO_DIGEST=$GO_DIGEST" .
refused 'VERSION, COMMIT and DATE' "${build[@]}" --build-arg "GO_DIGEST=$GO_DIGEST" --build-arg "BASE_DIGEST=$BASE_DIGEST" .
refused 'BASE_DIGEST is empty' env BASE_DIGEST= internal/tools/image/build.sh localhost/none
refused 'GO_DIGEST is empty' env GO_DIGEST= internal/tools/image/build.sh localhost/none
refused 'no name for the image' internal/tools/image/build.sh
refused "BASE_DIGEST is \"$tag\": want the digest" "${build[@]}" "${stamp[@]}" --build-arg "GO_DIGEST=$GO_DIGEST" --build-arg "BASE_DIGEST=$tag" .
say "refused: a base without a digest, a build without a version"

internal/tools/image/build.sh localhost/keyrotator --quiet "${mounted[@]}" >/dev/null
container="$(b from --pull-never localhost/keyrotator)"
root="$(b mount "$container")"
say "built on stand-in bases, $(du -h "$root/usr/bin/keyrotator" | cut -f1)B"

# Nothing but what it is for, and nothing that its user could change, but its folder.
files() { (cd "$1" && find . -path ./dev -prune -o -path ./proc -prune -o -path ./sys -prune -o -path ./run -prune -o -print | LC_ALL=C sort); }
added="$(LC_ALL=C comm -13 <(files "$work/base") <(files "$root") | tr '\n' ' ')"
want="./usr ./usr/bin ./usr/bin/keyrotator ./usr/share ./usr/share/doc ./usr/share/doc/keyrotator ./usr/share/doc/keyrotator/LICENSE ./var/lib/keyrotator "
[ "$added" = "$want" ] || fail "the image holds $added, want $want"
owned="$(cd "$root" && find . -uid 65532 | tr '\n' ' ')"
[ "$owned" = "./var/lib/keyrotator " ] || fail "its user owns $owned, want ./var/lib/keyrotator alone"

inspect() { b inspect --type image --format "{{$2}}" "$1"; }
expect() { [ "$2" = "$3" ] || fail "$1 is \"$2\", want \"$3\""; }
label() { inspect localhost/keyrotator "index .OCIv1.Config.Labels \"org.opencontainers.image.$1\""; }
expect "the user" "$(inspect localhost/keyrotator .OCIv1.Config.User)" 65532:65532
expect "the entry point" "$(inspect localhost/keyrotator .OCIv1.Config.Entrypoint)" "[/usr/bin/keyrotator]"
expect "the commit's label" "$(label revision)" "$(git rev-parse HEAD)"
expect "the base's label" "$(label base.digest)" "$BASE_DIGEST"
expect "the licence's label" "$(label licenses)" Apache-2.0

# It runs: as its user, without a C library, with time zones, and with a journal.
keyrotator() { b run --isolation chroot "${mounts[@]}" "$container" -- /usr/bin/keyrotator "$@"; }
mounts=()
keyrotator version | grep -qF "commit     $(git rev-parse HEAD)" || fail "version does not tell the commit"
mkdir "$work/etc" "$work/state"
chown 65532:65532 "$work/state"
cat >"$work/etc/keyrotator.yaml" <<'CONFIG'
accounts:
  prod: {id: "111122223333", region: eu-west-1}
journal: sqlite:///var/lib/keyrotator/journal.db
policies:
  quarterly: {max_age: 90d, overlap: 24h, quiet: 24h, trial: 7d, windows: [{cron: "0 3 * * 1-5", timezone: Europe/Berlin, duration: 4h}]}
users:
  - user: prod/ci-deployer
    policy: quarterly
    consumers: [{store: {secretsmanager: {secret: ci-deployer, adopt: true}}}]
CONFIG
mounts=(--volume "$work/etc:/etc/keyrotator:ro" --volume "$work/state:/var/lib/keyrotator")
keyrotator check --offline >/dev/null 2>&1 || fail "check --offline does not accept a configuration"
keyrotator journal migrate >/dev/null 2>&1 || fail "the journal cannot be made"
expect "owner and mode of the journal" "$(stat -c '%u:%g %a' "$work/state/journal.db")" "65532:65532 600"
mounts=()
keyrotator demo --users 1 >"$work/demo" || fail "the demo failed: $(cat "$work/demo")"
grep -q '^prod/ci-deployer .*rotated in' "$work/demo" || fail "the demo did not rotate: $(cat "$work/demo")"
say "runs as 65532: version, check, a journal in SQLite, a rotation of the demo"

# The same commit is the same program, wherever it is built.
mkdir "$work/elsewhere"
git ls-files -z | xargs -0 tar -cf - 2>/dev/null | tar -xf - -C "$work/elsewhere"
internal/tools/release/program.sh "$work/elsewhere" "$work/again" "$(label version)" "$(label revision)" "$(label created)"
cmp "$work/again" "$root/usr/bin/keyrotator" || fail "another folder made another program of the same commit"
say "the same bytes from another folder"

other=arm64
[ "$(go env GOARCH)" = arm64 ] && other=amd64
PLATFORM="linux/$other" internal/tools/image/build.sh localhost/keyrotator-other --quiet "${mounted[@]}" >/dev/null
expect "the other platform" "$(inspect localhost/keyrotator-other .OCIv1.Architecture)" "$other"
container="$(b from --pull-never --platform "linux/$other" localhost/keyrotator-other)"
root="$(b mount "$container")"
go version -m "$root/usr/bin/keyrotator" | grep -q "GOARCH=$other" || fail "the program for $other was compiled for another machine"
say "built for $other (not run)"
