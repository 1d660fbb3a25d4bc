"""Check tapewire's record of a day's bars, from any Python with msgpack. tapewire itself is not needed.

    tapewire prove 2026-03-02 --json > bars.json
    python check_bars.py bars.json var/live

The arguments are the record and the run's folder. Reads the journal's files by itself: a first line, then records of 4 bytes
length, 4 bytes CRC-32 (little-endian) and the message. Checks that each bar is in its file with the digest of the record, that
numbers have no hole but those that the record tells, that the session names the bar as its cause, and that the decision has ended.
Days that `tapewire prune` has compressed stand in a file beside, NAME.tape.zst, and are not read here.
"""

import hashlib
import json
import pathlib
import struct
import sys
import zlib

import msgpack


def messages(path):
    """Each message of a file by its name's number, with its bytes."""
    content = path.read_bytes()
    at = content.index(b"\n") + 1
    while at + 8 <= len(content):
        length, crc = struct.unpack_from("<II", content, at)
        payload = content[at + 8 : at + 8 + length]
        if zlib.crc32(payload) != crc:
            return  # the last one, not written to its end
        message = msgpack.unpackb(payload)
        yield f"{message['epoch']}:{message['seq']}", message, payload
        at += 8 + length


def faults(of, run):
    """What is wrong with the record of one instrument."""
    name = of["instrument"]
    bars = {number: payload for number, _, payload in messages(run / of["file"])}
    sessions = {number: message for number, message, _ in messages(run / "journal" / f"session.{name}.tape")}
    ended = {message["bar_ns"] for _, message, _ in messages(run / "journal" / f"eval.done.{name}.tape")}
    lost = sum(each["count"] for each in of["lost"] if each["who"] in ("bus", "logger", "record"))
    before = None
    for bar in of["bars"]:
        number = bar["bar"].partition("@")[2]
        if hashlib.sha256(bars.get(number, b"")).hexdigest() != bar["sha256"]:
            yield f"{bar['bar']} is not the one in {of['file']}"
        epoch, seq = map(int, number.split(":"))
        if before is not None and before[0] == epoch:
            lost -= seq - before[1] - 1
        before = epoch, seq
        session = sessions.get(bar["session"].partition("@")[2])
        if session is None or session["cause"] != bar["bar"]:
            if not bar["late"] and of["complete"]:
                yield f"{bar['bar']} has no session"
        elif bar["decided"] and session["bar"]["close_ns"] not in ended:
            yield f"the decision on {bar['bar']} has not ended"
    if lost < 0:
        yield f"{-lost} bars of {name} are missing that the record does not tell"


if __name__ == "__main__":
    record, run = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
    found = [fault for of in record["instruments"] for fault in faults(of, run)]
    print("\n".join(found) or f"{sum(len(of['bars']) for of in record['instruments'])} bars of {record['date']} are as recorded")
    sys.exit(1 if found else 0)
