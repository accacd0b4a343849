#!/bin/sh
# Called with "remove" (deb) or 0 (rpm) when the package goes, with something else before an upgrade.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now anomaly-exporter.service
