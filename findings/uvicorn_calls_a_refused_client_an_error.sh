#!/usr/bin/env bash
# uvicorn 0.54 with websockets-sansio, its default where websockets is installed, logs each client that an application refuses as an error.
#
# Versions: uvicorn 0.54.0, websockets 17.4, wsproto 1.3.2, CPython 3.11, Linux x86-64.
#
# Behaviour: ASGI lets an application answer a WebSocket's handshake with a response of its own, 401 for a wrong key. The client gets it. The
# log then has an ERROR, that the application returned without completing the handshake, although answering is completing it. Whoever
# is alarmed by errors in the log is alarmed by every typing mistake in a key. With `ws="wsproto"` there is none. Known: pull request 3138
# of September 2026, open when this was written.
#
# Output seen:
#   websockets-sansio: HTTP/1.1 401 Unauthorized, errors logged: ASGI callable returned without completing handshake.
#   wsproto: HTTP/1.1 401, errors logged: none
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uvicorn==0.54.0' 'websockets==17.4' 'wsproto==1.3.2'
cat > "$folder/try.py" <<'PY'
import asyncio
import logging
import sys

import uvicorn

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


async def refuses(scope: dict, receive: object, send: object) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "websocket.http.response.body", "body": b""})


async def refused(ws: str) -> tuple[str, list[str]]:
    errors = Errors()
    server = uvicorn.Server(uvicorn.Config(refuses, host="127.0.0.1", port=0, ws=ws, lifespan="off", log_config=None))
    logging.getLogger("uvicorn.error").addHandler(errors)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE)
    answer = (await reader.readline()).decode().strip()
    await reader.read()
    writer.close()
    server.should_exit = True
    await running
    logging.getLogger("uvicorn.error").removeHandler(errors)
    return answer, errors.texts


seen = {ws: asyncio.run(refused(ws)) for ws in ("websockets-sansio", "wsproto")}
for ws, (answer, errors) in seen.items():
    print(f"{ws}: {answer}, errors logged: {' '.join(errors) or 'none'}")
sansio, wsproto = seen.values()
sys.exit(0 if " 401" in sansio[0] and len(sansio[1]) == 1 and " 401" in wsproto[0] and not wsproto[1] else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
