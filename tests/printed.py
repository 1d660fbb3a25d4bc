"""The commands that the documents print on lines of their own, and where each of them is run."""

from __future__ import annotations

import functools
import re

from docs import pages, program
from docs.program import Printed

DRIVE = "/mnt/c/Users/NAME/Documents"
"""How the documents write a reader's Windows drive."""

RECORDED, LIVE = "test_printed_commands", "test_printed_live"

ON_RECORDINGS = (
    *("backtest", "data", "demo", "diff", "explain", "features", "lookahead", "replay", "signals", "sweep", "train"),
    *("walk-forward", "why"),
)
ON_A_LIVE_RUN = (
    *("accounts", "arm", "bridge", "day", "doctor", "down", "ingress", "keys", "kill", "latency", "mirror", "month", "ready"),
    *("send", "status", "subscribers", "tap", "up", "verify"),
)
ELSEWHERE = (  # words, and the test that runs such a command
    (r"^replay .*--control", "integration/test_replay_control.py"),  # waits for a person
    (r"^open", "integration/test_page.py"),
    (r"^chaos", "integration/test_kills.py"),
    (r"^ask replay|^tap session. signal.", "integration/test_replay_control.py"),
    (r"^tap raw.", "integration/test_tap.py"),  # until Ctrl-C
    (r"^up --wait", "integration/test_accounts.py"),
    (r"^backfill|data/mnq", "integration/test_bridge_backfill.py"),
    (r"^compare", "integration/test_compare.py"),
    (r"bob\.toml|var/bob|--instance bob", "integration/test_accounts.py"),
    (r"out/example|LATER", "integration/test_model.py"),
    (r"^alert", "integration/test_alerts.py"),
    (r"^(anchor|audit)", "integration/test_subscribers.py"),
    (r"^relay|relay1|var/relay", "integration/test_relay.py"),
    (r"^schedule", "unit/test_schedule.py"),
    (r"var/live --preset|--run RUN", "integration/test_days.py"),
)


@functools.cache
def printed() -> tuple[Printed, ...]:
    """All of them, in the order of the navigation."""
    return tuple(each for each in program.printed(pages.documents(), pages.ROOT) if each.alone)


def place(each: Printed) -> str | None:
    """The module that runs it; a test of `ELSEWHERE`; None if nothing does."""
    for pattern, test in ELSEWHERE:
        if re.search(pattern, each.words):
            return test
    return RECORDED if each.name in ON_RECORDINGS else LIVE if each.name in ON_A_LIVE_RUN else None
