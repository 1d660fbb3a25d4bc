#!/usr/bin/env bash
# uvicorn with httptools waits for ever for the head of a request, and keeps a head of any length.
#
# Versions: uvicorn 0.54.0, httptools 0.9.0, websockets 17.4, CPython 3.11, Linux x86-64.
#
# Behaviour: `timeout_keep_alive` begins with the end of an answer, so it does not concern a connection that has never had one: half a line
# of a request holds its place until the client goes. No setting bounds a head: llhttp gives each header to uvicorn, which collects them,
# and 64 MiB of them end in an ordinary answer. (h11, the other parser, refuses more than 64 KiB: `h11_max_incomplete_event_size`.)
# daemons/api/server.py bounds both.
#
# Output seen:
#   half a line: the connection is still open after 12 s; keep-alive is 1 s
#   a head of 64 MiB: HTTP/1.1 200 OK
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uvicorn==0.54.0' 'httptools==0.9.0'
cat > "$folder/try.py" <<'PY'
import asyncio
import socket
import sys
import threading
import time

import uvicorn


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


bound = socket.create_server(("127.0.0.1", 0))
port = bound.getsockname()[1]
server = uvicorn.Server(uvicorn.Config(app, http="httptools", lifespan="off", log_level="critical", timeout_keep_alive=1))
thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
thread.start()

slow = socket.create_connection(("127.0.0.1", port))
slow.sendall(b"GET / HT")
slow.settimeout(12)
try:
    still = slow.recv(1) != b""
except TimeoutError:
    still = True
print(f"half a line: the connection is {'still open' if still else 'closed'} after 12 s; keep-alive is 1 s")

long = socket.create_connection(("127.0.0.1", port))
long.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
for number in range(64):
    long.sendall(b"X-%d: " % number + b"x" * (1 << 20) + b"\r\n")
long.sendall(b"\r\n")
answer = long.recv(100).split(b"\r\n")[0].decode()
print(f"a head of 64 MiB: {answer}")
slow.close()
long.close()
server.should_exit = True
thread.join()
sys.exit(0 if still and "200" in answer else 1)
PY
"$folder/venv/bin/python" "$folder/try.py"
