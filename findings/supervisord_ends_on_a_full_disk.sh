#!/usr/bin/env bash
# supervisord ends when neither its log nor its standard error can be written, and leaves its programs alone.
#
# Versions: supervisor 4.3.0, CPython 3.11, Linux x86-64.
#
# Behaviour: a log line that cannot be written is caught (loggers.py, Handler.emit), and handleError prints the traceback to standard
# error. Where that is a file on the same full disk, the second error is not caught and ends supervisord with status 1. The program
# that it supervised lives on.
#
# Needs `unshare --mount` (root, or --map-root-user).
#
# Output seen:
#   supervisord ended with status 1 after its disk was full; of its programs lives: sleep 1000
set -euo pipefail
if [ -z "${ALONE:-}" ]; then
    exec env ALONE=1 unshare --mount --map-root-user bash "$0"
fi
folder=$(mktemp -d)
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'supervisor==4.3.0' 'setuptools<81'
mkdir "$folder/disk"
mount -t tmpfs -o size=64k tmpfs "$folder/disk"
cat > "$folder/supervisord.conf" <<CONF
[supervisord]
logfile=$folder/disk/supervisord.log
pidfile=$folder/supervisord.pid
[program:stays]
command=sh -c 'echo \$\$ > $folder/pid; exec sleep 1000'
[program:ends]
command=sleep 0.05
startsecs=0
autorestart=true
CONF
"$folder/venv/bin/python" -W ignore -m supervisor.supervisord -n -c "$folder/supervisord.conf" > "$folder/disk/err.log" 2>&1 &
supervisord=$!
sleep 2
cat /dev/zero > "$folder/disk/fill" 2> /dev/null || true
status=0
wait "$supervisord" || status=$?
left=$(cat "$folder/pid")
echo "supervisord ended with status $status after its disk was full; of its programs lives: $(ps -o args= -p "$left")"
kill "$left"
