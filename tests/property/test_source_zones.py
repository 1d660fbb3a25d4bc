"""Wall-clock time of zones and UTC: columns are what `zoneinfo` says of each stamp."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tapewire.replay.sources import proof, zones

ZONES = st.sampled_from((*proof.ZONES, "Europe/Dublin", "America/Sao_Paulo", "Australia/Lord_Howe"))
# Around the clock changes of 2026 and 2027 on both sides of the Atlantic, and anywhere.
CHANGES = [dt.datetime(2026, 3, 8), dt.datetime(2026, 3, 29), dt.datetime(2026, 10, 25), dt.datetime(2026, 11, 1)]
NEAR = st.builds(lambda day, minute: day + dt.timedelta(minutes=minute), st.sampled_from(CHANGES), st.integers(-1500, 3000))
MOMENTS = st.lists(NEAR | st.datetimes(dt.datetime(2007, 1, 1), dt.datetime(2030, 1, 1)), min_size=1, max_size=20)


def ns(moments: list[dt.datetime]) -> np.ndarray:
    return np.array(moments, "datetime64[us]").astype("datetime64[ns]").astype(np.int64)


@settings(max_examples=50)
@given(ZONES, MOMENTS)
def test_utc_on_a_wall_clock(zone, moments):
    """Every moment has one wall time."""
    expected = [moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]

    assert zones.from_utc(ns(moments), zone).tolist() == ns(expected).tolist()


@settings(max_examples=50)
@given(ZONES, MOMENTS)
def test_wall_clocks_in_utc(zone, moments):
    """A wall time that the clock skips is said to be none; one that it repeats is its first pass, in rising stamps."""
    moments = sorted(set(moments))
    there = [moment.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC).replace(tzinfo=None) for moment in moments]
    back = [moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in there]

    utc, skipped = zones.to_utc(ns(moments), zone)

    assert skipped.tolist() == [one != other for one, other in zip(moments, back, strict=True)]
    assert utc[~skipped].tolist() == ns(there)[~skipped].tolist()
