# shellcheck shell=bash
# The package on a systemd: installed, started, reloaded, watched, stopped, removed, as
# docs/operating/systemd.md says. boot.sh runs it; /trial has keyrotator.deb.
set -eEuo pipefail
trap 'echo "trial.sh: line $LINENO failed: $BASH_COMMAND"; systemctl status --no-pager keyrotator.service || true; cat /trial/keyrotator.log || true' ERR

unit() { systemctl show --property "$1" --value keyrotator.service; }
# await PATTERN COMMAND…: until what the command prints is like the pattern.
await() {
    local said
    for _ in $(seq 300); do
        said="$("${@:2}" 2>&1 || true)"
        # shellcheck disable=SC2053 # it is a pattern
        if [[ "$said" == $1 ]]; then return; fi
        sleep 0.2
    done
    echo "never like $1: $said"
    return 1
}
as_operator() { runuser -u keyrotator -- keyrotator "$@"; }

# Installed: not started, readable by its group, secrets by root alone.
dpkg --install /trial/keyrotator.deb
[ "$(unit ActiveState)" = inactive ]
[ "$(stat -c '%U:%G %a' /etc/keyrotator /etc/keyrotator/keyrotator.yaml /etc/keyrotator/credentials | tr '\n' ' ')" = 'root:keyrotator 750 root:keyrotator 640 root:root 700 ' ]
as_operator check --offline || [ $? -eq 3 ] # it has no users yet
systemd-analyze verify --man=no /usr/lib/systemd/system/keyrotator.service

# An AWS on loopback, with a user to rotate.
keyrotator demo --serve --users 1 >/trial/demo &
await '*curl *' cat /trial/demo
sed -n 's/^export //p' /trial/demo >/etc/keyrotator/environment
made="$(sed -n 's/^keyrotator run --config \([^ ]*\).*/\1/p' /trial/demo)"
sed 's#^journal: .*#journal: sqlite:///var/lib/keyrotator/journal.db#' "$made" >/etc/keyrotator/keyrotator.yaml
mkdir /etc/systemd/system/keyrotator.service.d
cat >/etc/systemd/system/keyrotator.service.d/trial.conf <<'DROPIN'
[Service]
StandardOutput=append:/trial/keyrotator.log
StandardError=append:/trial/keyrotator.log
WatchdogSec=6s
TimeoutAbortSec=1s
RestartSec=100ms
DROPIN
systemctl daemon-reload

# Started: ready when start returns, with a journal and an identity of its own.
systemctl start keyrotator
[ "$(unit ActiveState)/$(unit StatusText)" = 'active/rotating keys' ]
[ "$(stat -c '%U %a' /var/lib/keyrotator /var/lib/keyrotator/journal.db /var/lib/keyrotator/journal.db.identity | tr '\n' ' ')" = 'keyrotator 700 keyrotator 600 keyrotator 600 ' ]
as_operator status

# The identity and a token move to where only root reads them.
systemctl stop keyrotator
[ "$(unit Result)" = success ]
install -m 600 /var/lib/keyrotator/journal.db.identity /etc/keyrotator/credentials/identity
rm /var/lib/keyrotator/journal.db.identity
echo a-made-up-key-that-signs-callbacks >/etc/keyrotator/credentials/callback-key
cat >>/etc/keyrotator/keyrotator.yaml <<'CONFIG'
sealing: {identity: /run/credentials/keyrotator.service/secret_identity}
callbacks: {key: "${file:/run/credentials/keyrotator.service/secret_callback-key}"}
CONFIG
systemctl start keyrotator

# It does its work inside all those walls, and operators' commands work beside it.
await '*done *delete*' as_operator history prod/ci-deployer
as_operator journal verify
as_operator pause --all --why 'a trial'
curl --silent --fail http://127.0.0.1:9464/readyz
curl --silent --fail http://127.0.0.1:9464/metrics >/trial/metrics
grep '^process_resident_memory_bytes' /trial/metrics
grep '^keyrotator_build_info' /trial/metrics

# Reloaded, and a configuration with errors refused, while it goes on.
systemctl reload keyrotator
await '*was read again and holds now*' cat /trial/keyrotator.log
await 'rotating keys' unit StatusText
cp /etc/keyrotator/keyrotator.yaml /tmp/good
echo 'nonsense: 1' >>/etc/keyrotator/keyrotator.yaml
systemctl reload keyrotator
await '*the new one was refused*' unit StatusText
await active unit ActiveState
cp /tmp/good /etc/keyrotator/keyrotator.yaml
systemctl reload keyrotator
await 'rotating keys' unit StatusText

# Watched: it lives longer than the watchdog waits, and is started anew when it hangs.
pid="$(unit MainPID)"
sleep 8
[ "$(unit NRestarts)/$(unit MainPID)" = "0/$pid" ]
kill -STOP "$pid"
await 1 unit NRestarts
await active unit ActiveState
[ "$(unit MainPID)" != "$pid" ]

# It does not start with errors, and does by itself when they are mended.
echo 'nonsense: 1' >>/etc/keyrotator/keyrotator.yaml
systemctl restart keyrotator && exit 1
[ "$(unit ExecMainStatus)" = 2 ]
cp /tmp/good /etc/keyrotator/keyrotator.yaml
await active unit ActiveState

# Upgraded: the running daemon is replaced, the configuration kept. Removed: the
# journal stays.
pid="$(unit MainPID)"
dpkg --install --force-confold /trial/keyrotator.deb
[ "$(unit ActiveState)" = active ]
[ "$(unit MainPID)" != "$pid" ]
cmp /tmp/good /etc/keyrotator/keyrotator.yaml
dpkg --remove keyrotator
[ ! -e /usr/bin/keyrotator ]
[ -e /var/lib/keyrotator/journal.db ]
