#!/bin/sh
# After the files of the package are in place. deb calls it with "configure" and, on an
# upgrade, the former version; rpm with the number of versions installed.
set -e

if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers keyrotator.conf
elif ! getent passwd keyrotator >/dev/null; then
    useradd --system --home-dir /var/lib/keyrotator --shell /usr/sbin/nologin keyrotator
fi
chgrp keyrotator /etc/keyrotator /etc/keyrotator/keyrotator.yaml

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # A running daemon is replaced; one that was not started is not.
    systemctl try-restart keyrotator.service
fi
