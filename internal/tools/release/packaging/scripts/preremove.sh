#!/bin/sh
# Before the files are taken away. An upgrade (deb: "upgrade", rpm: 1) goes on with the
# daemon; the journal in /var/lib/keyrotator stays in any case.
set -e

case "${1:-}" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl disable --now keyrotator.service
    fi
    ;;
esac
