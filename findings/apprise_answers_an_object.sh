#!/usr/bin/env bash
# Apprise 2.3 answers notify() with an object where it answered True, False or None: `answer is True` says that nothing was delivered.
#
# Versions: apprise 2.3.0, CPython 3.11, Linux x86-64.
#
# Behaviour: the AppriseResult is true after a success and false otherwise, so `if answer` goes on to work. It equals no boolean. Code that
# told None (nothing to send) from False by `is True` or `== True` takes every delivery for a failure, without an error or a warning:
# an alert was delivered, counted as failed, and delivered again.
#
# Output seen:
#   bool: True, is True: False, == True: False, <AppriseResult status='SUCCESS' count=1>
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'apprise==2.3.0'
cat > "$folder/try.py" <<'PY'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import apprise


class Takes(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass


server = HTTPServer(("127.0.0.1", 0), Takes)
threading.Thread(target=server.serve_forever, daemon=True).start()
one = apprise.Apprise()
one.add(f"json://127.0.0.1:{server.server_port}/")
answer = one.notify(body="delivered")
print(f"bool: {bool(answer)}, is True: {answer is True}, == True: {answer == True}, {answer!r}")
sys.exit(0 if answer and answer is not True else "the behaviour has changed")
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
