"""Recordings for tests: read as the commands read them."""

import datetime as dt
import functools
from pathlib import Path
from typing import Any

from tapewire.daemons.market.contracts import Rolls
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay.sources import gather
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.reading import Reading
from tapewire.replay.sources.recording import Recording

NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)


def reading(instrument: str = "MNQ", **options: Any) -> Reading:
    """As a command reads for an instrument, on a fixed day."""
    instruments, rolls = _tables()
    chosen = Options(**{"instrument": instrument} | options)
    roots = (instruments[instrument].root,) if instrument in instruments else ()
    return Reading(chosen, instruments, rolls, NOW, (*roots, *gather.COMPANIONS))


@functools.cache
def _tables() -> tuple[dict[str, Instrument], Rolls]:
    return configuration.instruments(), configuration.rolls()


def read(path: Path, instrument: str = "MNQ", **options: Any) -> Recording:
    """The recording of an instrument."""
    return gather.recording(path, instrument, reading(instrument, **options), lambda share: None)
