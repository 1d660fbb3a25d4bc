"""Prove a kept feed without tapewire: `python verify.py FEED.jsonl anna.key`. Needs msgpack and PyNaCl.

Exit status 1, and the place, where a line was altered, left out, put in, moved or cut off. The rules: bus/PROTOCOL.md, section 15.
"""

import base64
import hashlib
import json
import sys
import tomllib

import msgpack
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

HEAD = "public.head."


def digest(line):
    """What the next line names as its previous."""
    topic = line["topic"].encode()
    about = line["number"].to_bytes(8, "big") + len(topic).to_bytes(2, "big")
    content = bytes.fromhex(line["previous"]) + about + topic + base64.b64decode(line["frame"], validate=True)
    return hashlib.sha256(b"tapewire feed 1\n" + content).hexdigest()


def proved(line, key):
    """Whether a head is signed by this key."""
    head = msgpack.unpackb(base64.b64decode(line["frame"]))
    numbers = line["number"].to_bytes(8, "big") + head["market_ns"].to_bytes(8, "big", signed=True) + bytes([head["closed"]])
    try:
        key.verify(b"tapewire head 1\n" + numbers + bytes.fromhex(line["previous"]) + head["session"].encode(), head["signature"])
    except BadSignatureError:
        return False
    return True


def fault(lines, key):
    """What is wrong with a feed; empty if it is whole."""
    last = None
    for at, line in enumerate(lines, 1):
        if last is None and line["number"] == 1 and line["previous"] != "00" * 32:
            return f"line {at}: number 1 names a line before it"
        if last is not None and line["number"] != last["number"] + 1:
            return f"line {at}: number {line['number']} follows {last['number']}"
        if last is not None and line["previous"] != digest(last):
            return f"line {at}: number {last['number']} or {line['number']} was altered"
        if line["topic"] == HEAD and not proved(line, key):
            return f"line {at}: number {line['number']}: the signature is not of this key"
        last = line
    if last is None or last["topic"] != HEAD:
        return "the feed does not end with a signed head: lines were cut off, or the trade date is not over"
    return ""


if __name__ == "__main__":
    with open(sys.argv[2], "rb") as opened:
        signed_by = VerifyKey(base64.b64decode(tomllib.load(opened)["signed_by"]))
    with open(sys.argv[1], encoding="utf-8") as opened:
        wrong = fault(map(json.loads, opened), signed_by)
    print(wrong or "whole")
    sys.exit(1 if wrong else 0)
