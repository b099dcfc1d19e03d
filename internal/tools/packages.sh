#!/usr/bin/env bash
# Installs the Debian packages that the tests or the lint need and that this machine
# lacks; with everything there it costs milliseconds and changes nothing.
#
#   internal/tools/packages.sh test    # clients nobody here wrote, PostgreSQL, and promtool
#   internal/tools/packages.sh lint
#   internal/tools/packages.sh release # systemd, which the unit is tried on
#   internal/tools/packages.sh image   # buildah, which builds images without a daemon
#
# As root on Debian or Ubuntu it installs. Anywhere else it prints what to install and
# fails: a test that would silently leave out its foreign clients proves nothing.
set -euo pipefail

missing=()

# need PACKAGES COMMAND…: PACKAGES are there if COMMAND succeeds.
need() {
    local packages="$1"
    shift
    "$@" >/dev/null 2>&1 || missing+=("$packages")
}

# The first ones by full path: another aws or python3 earlier in PATH is not the
# client that the tests call.
case "${1:-}" in
test)
    need awscli test -x /usr/bin/aws
    need python3-boto3 /usr/bin/python3 -c 'import boto3'
    need curl test -x /usr/bin/curl
    need postgresql sh -c 'test -x /usr/lib/postgresql/*/bin/initdb'
    need libfaketime sh -c 'test -e /usr/lib/*/faketime/libfaketime.so.1' # moves PostgreSQL's clock
    need prometheus test -x /usr/bin/promtool
    need prometheus-alertmanager test -x /usr/bin/prometheus-alertmanager
    need 'nodejs npm' command -v npm # holds the dashboard against Grafana's types
    need 'gcc libc6-dev' command -v gcc # the race detector links with it
    ;;
lint)
    need shellcheck command -v shellcheck
    ;;
image)
    need buildah command -v buildah
    need busybox-static test -x /bin/busybox # the shell of a stand-in
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
    ;;
release)
    need systemd test -x /lib/systemd/systemd # boots in namespaces, for the unit
    need rpm command -v rpm # reads one
    need jq command -v jq
    need curl test -x /usr/bin/curl
    ;;
*)
    echo "usage: packages.sh test|lint|image|release" >&2
    exit 2
    ;;
esac

[ "${#missing[@]}" -eq 0 ] && exit 0

# An element may name two packages, so it is split here.
read -ra packages <<<"${missing[*]}"

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    {
        echo "Missing: ${packages[*]}. On Debian or Ubuntu:"
        echo
        echo "    sudo apt-get update && sudo apt-get install --no-install-recommends ${packages[*]}"
        echo
        echo "The tests call /usr/bin/aws, curl, /usr/bin/python3 with boto3, promtool, and PostgreSQL's server."
    } >&2
    exit 1
fi

# The packages of Prometheus and PostgreSQL would start servers; only their programs
# are wanted. This file is how Debian is told, and it is taken away again if it was
# not there before.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
echo "installing ${packages[*]}"
apt-get -qq -o DPkg::Lock::Timeout=300 update
apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "${packages[@]}" >/dev/null

# With systemd a package also asks for its server at every boot.
if command -v systemctl >/dev/null; then
    for server in prometheus prometheus-alertmanager postgresql; do
        if [[ " ${packages[*]} " == *" $server "* ]]; then
            systemctl disable --quiet "$server.service" 2>/dev/null || true
        fi
    done
fi
