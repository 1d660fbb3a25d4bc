"""Tiny files of the vendors' formats, by the names that the vendors give."""

from __future__ import annotations

import struct

SIERRA_EPOCH_US = 25_569 * 86_400_000_000  # from 1899-12-30 to 1970
START_US = 1_801_436_400_000_000  # 2027-01-31T23:00:00Z


def rows(*lines: str, end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def scid(*records: tuple[int, float, float, float, float, int, int, int, int]) -> bytes:
    """A .scid: microseconds since 1970, open, high, low, close, trades, volume, bid volume, ask volume."""
    header = struct.pack("<4sIIHHI36x", b"SCID", 56, 40, 1, 0, 0)
    return header + b"".join(struct.pack("<q4f4I", us + SIERRA_EPOCH_US, *rest) for us, *rest in records)


FILES: dict[str, bytes] = {
    "NQ 03-27.Last.txt": rows(
        "20270131 230100;24998.75;25000.25;24994.5;24998;181", "20270131 230300;24998;24998;24997.75;24997.75;2", end="\r\n"
    ),
    "MNQ 03-27.Last.txt": rows(
        "20270201 143000 6410001;24904.25;24904.25;24904.5;5", "20270201 143000 6410001;24904.5;24904.25;24904.5;2"
    ),
    "NQH7_FUT_CME.txt": rows(
        "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume",
        "2027/1/31, 17:00:00.000, 24998.75, 25000.25, 24994.50, 24998.75, 181, 60, 95, 86",
        "2027/1/31, 17:02:00.000, 25001.25, 25005.75, 24999.25, 24999.50, 129, 43, 0, 0",
    ),
    "NQH7_FUT_CME.scid": scid(
        (START_US, 24998.75, 25000.25, 24994.5, 24998.75, 60, 181, 95, 86),
        (START_US + 60_000_000, 25001.25, 25005.75, 24999.25, 24999.5, 43, 129, 0, 0),
    ),
    "6EH7_FUT_CME.scid": scid(
        (START_US + 1_250, 0.0, 1.0877, 1.08765, 1.0877, 1, 3, 0, 3),
        (START_US + 1_250, -1.99900095e37, 1.0877, 1.08765, 1.08765, 1, 2, 2, 0),
        (START_US + 1_251, -1.99900197e37, 0.0, 0.0, 1.0876, 1, 1, 1, 0),
    ),
    "NQ_1min_sample.csv": rows(
        "2027-01-31 18:00:00,24998.75,25000.25,24994.5,24998.75,181", "2027-01-31 18:02:00,25001.25,25005.75,24999.25,24999.5,129"
    ),
    "CME_MINI_NQ1!, 1.csv": rows(
        "time,open,high,low,close,EMA,EMA,Volume,Volume MA",
        "1801436400,24998.75,25000.25,24994.5,24998.75,NaN,1,181,NaN",
        "1801436520,25001.25,25005.75,24999.25,24999.5,2.5,NaN,NaN,7",
    ),
    "CME_MINI_NQH2027, 1.csv": rows(
        "time,open,high,low,close",
        "2027-01-31T18:00:00-05:00,24998.75,25000.25,24994.5,24998.75",
        "2027-01-31T18:01:00-05:00,1,1,1,1",
    ),
    "CME.NQ HOT-Minute-Trade.txt": rows(
        '"Date","Time","Open","High","Low","Close","TotalVolume"',
        "2027/1/31,17:01:00,24998.750000,25000.250000,24994.500000,24998.750000,181",
        "2027/1/31,17:03:00,25001.250000,25005.750000,24999.250000,24999.500000,129",
    ),
    "glbx-mdp3-ohlcv-1m.csv": rows(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
        "2027-01-31T23:00:00.000000000Z,33,1,7,24998.750000000,25000.250000000,24994.500000000,24998.750000000,181,NQH7",
        "2027-01-31T23:00:00.000000000Z,33,1,9,210.000000000,210.250000000,209.750000000,210.000000000,4,NQH7-NQM7",
        "2027-01-31T23:02:00.000000000Z,33,1,8,25208.750000000,25210.250000000,25204.500000000,25208.750000000,3,NQM7",
    ),
    "glbx-mdp3-ohlcv-1m.raw.csv": rows(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
        "1801436400000000000,33,1,7,24998750000000,25000250000000,24994500000000,24998750000000,181,NQH7",
        "1801436400000000000,33,1,9,210000000000,210250000000,209750000000,210000000000,4,NQH7-NQM7",
        "1801436520000000000,33,1,8,25208750000000,25210250000000,25204500000000,25208750000000,3,NQM7",
    ),
    "glbx-mdp3-trades.csv": rows(
        "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol",
        "1801436400000000009,1801436400000000007,0,1,7,T,A,0,24904250000000,5,0,14000,12,NQH7",
        "1801436400000000009,1801436400000000007,0,1,7,T,B,0,24904500000000,2,0,14000,11,NQH7",
        "1801436400000000009,1801436400000000001,0,1,7,T,N,0,24904500000000,1,0,14000,10,NQH7",
    ),
}
