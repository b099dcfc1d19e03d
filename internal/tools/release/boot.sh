#!/usr/bin/env bash
# Boots a systemd of its own on a copy of this machine's files that is gone afterwards,
# without a network but loopback, and has it run a trial: what a unit file promises is
# seen only there. Needs root, and the package systemd.
#
#   internal/tools/release/boot.sh TRIAL FOLDER
#
# TRIAL is a script. FOLDER is where it finds its files, as /trial; what it writes to
# /trial/log is printed if it fails.
set -euo pipefail

trial="$(realpath "$1")"
folder="$(realpath "$2")"
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT

# In namespaces of its own: all mounts and processes end with the first process.
inside() {
    mount -t tmpfs none "$root"
    mount --make-rprivate /
    mkdir "$root"/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root"
    cd "$root/root"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount -t tmpfs none sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount --rbind /dev dev
    mount -t tmpfs none run
    mount -t tmpfs none tmp
    chmod 1777 tmp
    mkdir -p trial
    mount --bind "$folder" trial
    cp "$trial" trial.sh
    : >etc/machine-id
    # Nothing of this machine's own is started, only the trial.
    printf '[Unit]\nDefaultDependencies=no\nWants=trial.service\n' >etc/systemd/system/trial.target
    cat >etc/systemd/system/trial.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash -c '/bin/bash /trial.sh >/trial/log 2>&1 && touch /trial/passed'
ExecStopPost=/bin/systemctl exit
TimeoutStartSec=5min
UNIT
    # Not chroot: whoever is in one may not make a user namespace (PrivateUsers=).
    mkdir -p mnt
    pivot_root . mnt
    umount --lazy /mnt
    # As a first process outside of any container does: systemd hands credentials over
    # by a mount that spreads.
    mount --make-rshared /
    exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=trial.target --log-target=null --show-status=no
}
export -f inside
export root trial folder
rm -f "$folder/passed" "$folder/log"
timeout 360 unshare --mount --pid --fork --ipc --uts --net --cgroup bash -euo pipefail -c inside || true
if [ ! -e "$folder/passed" ]; then
    cat "$folder/log" >&2 || true
    exit 1
fi
