"""Keep the signals in a CSV file that a spreadsheet opens: `python table.py anna.key signals.csv`. Needs pyzmq and msgpack."""

import csv
import sys
import tomllib
from datetime import UTC, datetime

import msgpack
from follow import stream

COLUMNS = ["number", "time", "contract", "action", "direction", "strategy", "entry", "stop", "target", "valid_until", "id"]


def clock(ns):
    """A time of a message, as text in UTC."""
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def row(number, signal):
    """A line of the table."""
    times = {"time": clock(signal["bar_ns"]), "valid_until": clock(signal["valid_until_ns"])}
    return {**signal, **times, "number": number, "contract": signal["contract"] or signal["instrument"]}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        key = tomllib.load(opened)
    with open(sys.argv[2], "a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        if not file.tell():
            table.writeheader()
        for topic, frame, place in stream(key):
            if place and topic.startswith("public.signal."):
                table.writerow(row(place["number"], msgpack.unpackb(frame)))
                file.flush()
