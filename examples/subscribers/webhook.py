"""Send each message to a web address of your own as JSON: `python webhook.py anna.key hook.toml`. Needs pyzmq and msgpack.

hook.toml, readable by you alone:

    url = "https://example.org/signals"
    secret = "..."      # sent as the header Authorization: Bearer ...; leave it out if there is none

An address that does not answer is tried again, each time after a longer pause; messages wait meanwhile, in order.
"""

import json
import sys
import time
import tomllib
import urllib.request

import msgpack
from follow import stream

PAUSES = [1, 2, 5, 10, 30]


def post(hook, message):
    """Send until it is taken."""
    head = {"Content-Type": "application/json"}
    if "secret" in hook:
        head["Authorization"] = f"Bearer {hook['secret']}"
    request = urllib.request.Request(hook["url"], json.dumps(message).encode(), head)  # noqa: S310 - one's own address
    for attempt in range(10**9):
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return
        except OSError as error:
            print(f"{error}; trying again", file=sys.stderr, flush=True)
            time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened, open(sys.argv[2], "rb") as settings:
        key, hook = tomllib.load(opened), tomllib.load(settings)
    for topic, frame, place in stream(key):
        if place and topic != "public.head.":
            post(hook, {"number": place["number"], "topic": topic, **msgpack.unpackb(frame)})
