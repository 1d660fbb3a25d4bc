"""The daybook has each day judged that is over, in a process of its own, and a day that is not equal is an alarm on the bus."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tapewire.bus import topics
from tapewire.bus.messages import Alarm, Fill
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import runs, tapes
from tapewire.replay.days import folders
from tapewire.replay.days.process import Days
from tests import bridges, judged
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

DATE = "2026-03-02"
ALARMS = topics.of(topics.ALARM, "daybook")


@pytest.fixture
def over(home: Path, bars: Path, tmp_path: Path) -> tuple[Path, Conf]:
    """A run with a day that closed while no daybook ran. One fill of it was changed later."""
    conf = bridges.conf(["pipeline"])
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar)
    run = judged.made(tmp_path / "run", conf, msgspec.structs.replace(recording, bars=recording.bars[:1000]))
    Days(run, conf).finish(1 << 62)
    price = next(tapes.facts(run, topics.FILL, Fill)).price
    judged.altered(run, "fill.MNQ.", 0, price=price + 1)
    return run, conf


def test_a_day_that_is_not_equal_is_an_alarm(over: tuple[Path, Conf]) -> None:
    """By itself, at the next start: once, with class and message; the verdict lies in the day's folder, and the folders go on."""
    run, conf = over

    with bridges.bus(conf, run, ("broker", "logger", "daybook")):
        assert eventually(lambda: list(tapes.facts(run, ALARMS, Alarm)) != [] if tapes.topics(run, ALARMS) else False)
    with bridges.bus(conf, run, ("broker", "logger", "daybook")):
        pass
    (alarm,) = tapes.facts(run, ALARMS, Alarm)
    found = folders.judged(run, DATE)

    assert alarm.name == "diverged"
    assert alarm.text.startswith(f"{DATE}: a fill differs at fill.MNQ.@1:1")
    assert "+1 points apart" in alarm.text
    assert found == folders.Judged("diverged", alarm.text)
