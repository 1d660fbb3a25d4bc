#!/usr/bin/env bash
# nats-py with allow_reconnect=False goes on trying to connect: a server that is not there costs two minutes, not one refusal.
#
# Versions: nats-py 2.16.0, CPython 3.11, Linux x86-64.
#
# Behaviour: the flag concerns a connection that was lost. The first one is tried max_reconnect_attempts times (60) with reconnect_time_wait
# seconds (2) between them, whatever the flag says, and connect_timeout bounds one try. The error callback hears each of them, so a program
# that waits for `connect` to fail waits 120 s. max_reconnect_attempts=1 beside the flag ends it after the second try.
#
# Output seen:
#   allow_reconnect=False: still trying after 7 s, 4 refusals heard
#   with max_reconnect_attempts=1: NoServersError after 2 refusals
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'nats-py==2.16.0'
cat > "$folder/try.py" <<'PY'
import asyncio
import socket
import sys

import nats


async def attempt(**options):
    refusals = []

    async def heard(error):
        refusals.append(error)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        connecting = nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, connect_timeout=1, error_cb=heard, **options)
        await asyncio.wait_for(connecting, 7)
    except Exception as error:
        return type(error).__name__, len(refusals)
    return "connected", len(refusals)


async def main():
    plain, tries = await attempt()
    bounded, few = await attempt(max_reconnect_attempts=1)
    print(f"allow_reconnect=False: {'still trying after 7 s' if plain == 'TimeoutError' else plain}, {tries} refusals heard")
    print(f"with max_reconnect_attempts=1: {bounded} after {few} refusals")
    return plain == "TimeoutError" and tries > 1 and bounded == "NoServersError" and few == 2


sys.exit(not asyncio.run(main()))
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
