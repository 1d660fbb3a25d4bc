"""How fast a channel may be told, and how long a failed alert is tried again. Pure: times are arguments, in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from tapewire.daemons.alerts.alert import OWN, Alert
from tapewire.daemons.settings.alerting import Level

PAUSES_S = (2.0, 5.0, 15.0, 60.0)  # between tries; the last one again and again
GIVEN_UP_S = 1_800.0
LINES = 30
MINUTE_S = 60.0


class SendingPace:
    """Allows so many messages in any minute."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._sent: list[float] = []

    def room(self, now_s: float) -> int:
        """How many messages are allowed now."""
        self._sent = [at for at in self._sent if now_s - at < MINUTE_S]
        return self._most - len(self._sent)

    def wait_s(self, now_s: float) -> float:
        """How long the next message must wait; 0 if it need not."""
        return 0.0 if self.room(now_s) > 0 else MINUTE_S - (now_s - self._sent[-self._most])

    def sent(self, now_s: float) -> None:
        """A message has been sent, or tried."""
        self._sent.append(now_s)


def pause_s(tries: int) -> float:
    """How long to wait after so many failed tries, at least one."""
    return PAUSES_S[min(tries, len(PAUSES_S)) - 1]


def together(alerts: Sequence[Alert]) -> Alert:
    """Several alerts as one: what a channel gets that would otherwise be told too much. Of the highest level."""
    if len(alerts) == 1:
        return alerts[0]
    lines = [each.title for each in alerts[:LINES]]
    if len(alerts) > LINES:
        lines.append(f"and {len(alerts) - LINES} more")
    level = max((each.level for each in alerts), key=lambda level: Level(level).rank)
    return Alert(
        topic=f"{OWN}several.",
        kind="several",
        level=level,
        title=f"{len(alerts)} alerts",
        text="\n".join(lines),
        at_ns=max(each.at_ns for each in alerts),
        several=tuple(alerts),
    )
