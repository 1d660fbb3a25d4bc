"""A start by itself on trading days: which days those are, and the timer that systemd gets."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tapewire.bus.errors import ConfError, Transient
from tapewire.daemons.operator import cli, schedule, trading_days
from tapewire.strategies.clock import NEW_YORK

AT = dt.time(9, 20)
THANKSGIVING = {  # the week of 2026-11-23, as the exchange's calendar has it
    **{dt.date(2026, 11, day): dt.time(17, 0) for day in (23, 24, 25, 30)},
    dt.date(2026, 11, 26): None,
    dt.date(2026, 11, 27): dt.time(13, 15),
}
WORKS = """#!/bin/sh
echo "$*" >> "$0.calls"
case "$*" in *is-system-running) echo running;; *is-active*) echo active;; *Linger*) echo no;; esac
"""
REFUSES = WORKS.replace("esac", '*enable*) echo "no such unit" >&2; exit 1;; esac')
ABSENT = "#!/bin/sh\necho offline\nexit 1\n"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    "now, starts, why",
    [
        ("2026-11-25T09:19", False, "it is 09:19 in New York, and the start is at 09:20"),
        ("2026-11-25T09:20", True, "2026-11-25 closes at 16:00 New York"),
        ("2026-11-25T15:59", True, "2026-11-25 closes at 16:00 New York"),
        ("2026-11-25T16:00", False, "the session has closed at 16:00"),
        ("2026-11-26T09:20", False, "Thursday 2026-11-26 is a holiday of the exchange"),
        ("2026-11-27T09:20", True, "2026-11-27 closes at 13:15 New York, a half day"),
        ("2026-11-27T13:15", False, "the session has closed at 13:15"),
        ("2026-11-28T09:20", False, "Saturday 2026-11-28 is no trade date"),
    ],
)
def test_a_start_is_wanted_on_trading_days_until_the_close(now: str, starts: bool, why: str) -> None:
    """Also one that comes late, because the machine slept; each refusal says why."""
    verdict = trading_days.judge(at(now).astimezone(dt.UTC), AT, THANKSGIVING)

    assert verdict.starts == starts
    assert why in verdict.why


def test_the_next_start_skips_holidays_and_tells_them() -> None:
    """From the evening before Thanksgiving on."""
    ahead = trading_days.ahead(at("2026-11-25T20:00"), AT, THANKSGIVING)

    assert ahead.at == at("2026-11-27T09:20")
    assert ahead.skipped == ["Thursday 2026-11-26 is a holiday of the exchange: nothing is started"]


def test_the_real_calendar_has_a_start_within_a_week() -> None:
    """No week of CME's is without a trading day."""
    ahead = trading_days.ahead(at("2026-12-23T12:00"), AT, trading_days.closes(dt.date(2026, 12, 23)))

    assert ahead.at == at("2026-12-24T09:20")


@needs_systemd
@pytest.mark.parametrize(
    "now, utc",
    [("2026-03-06 15:00", "2026-03-09 13:20"), ("2026-10-30 15:00", "2026-11-02 14:20")],
    ids=["summer time begins", "summer time ends"],
)
def test_systemd_reads_the_line_as_new_york_does(now: str, utc: str) -> None:
    """A Friday before each change of the clocks: the next start is at 09:20 New York on Monday."""
    words = ["systemd-analyze", "calendar", f"--base-time={now} UTC", schedule.on_calendar(AT)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"})

    assert f"Next elapse: Mon {utc}:00 UTC" in done.stdout


@needs_systemd
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With spaces, quotes, percent and dollar signs in folder and options."""
    folder = tmp_path / "50% of $HOME"
    folder.mkdir()
    command = ["/usr/bin/env", "printf", "%s", 'a "b" $c\\d']
    (tmp_path / "tapewire-live.service").write_text(schedule.service_text("live", folder, command))
    (tmp_path / "tapewire-live.timer").write_text(schedule.timer_text("live", AT))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(tmp_path / "tapewire-live.timer"), str(tmp_path / "tapewire-live.service")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )

    assert (done.returncode, done.stderr) == (0, "")


# --- the commands, with a systemctl of the test's own -----------------------------------------------------------------------------

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Carry out `tapewire schedule ...` with a systemctl that does what a script says."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loginctl").write_text(WORKS)
    (tmp_path / "loginctl").chmod(0o700)

    def carry_out(script: str, *words: str) -> tuple[int, str]:
        (tmp_path / "systemctl").write_text(script)
        (tmp_path / "systemctl").chmod(0o700)
        done = CliRunner().invoke(cli.application(), ["schedule", *words])
        if isinstance(done.exception, ConfError | Transient):
            return done.exception.status, str(done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return carry_out


def test_install_show_and_remove(call: Call, tmp_path: Path) -> None:
    """The options of `up` go into the unit; `show` tells the next start; `remove` leaves nothing."""
    units = tmp_path / "config" / "systemd" / "user"

    status, said = call(WORKS, "install", "--at", "09:15", "--", "--preset", "seed")
    installed = sorted(path.name for path in units.iterdir())
    shown = json.loads(call(WORKS, "show", "--json")[1])
    removed, _ = call(WORKS, "remove")

    assert status == 0, said
    assert "live: next start " in said
    assert "loginctl enable-linger" in said
    assert installed == ["tapewire-live.service", "tapewire-live.timer"]
    assert [(each["name"], each["at"], each["active"]) for each in shown] == [("live", "09:15", True)]
    assert removed == 0
    assert not list(units.iterdir())
    calls = (tmp_path / "systemctl.calls").read_text()
    assert "--user enable --now tapewire-live.timer" in calls
    assert "--user disable --now tapewire-live.timer" in calls


def test_each_account_has_a_timer_of_its_own(call: Call, tmp_path: Path) -> None:
    """Named after the run that its `up` starts."""
    (tmp_path / "bob.toml").write_text("")

    status, said = call(WORKS, "install", "--", "--account", "bob.toml")

    assert status == 0, said
    assert '"--account" "bob.toml"' in (tmp_path / "config/systemd/user/tapewire-bob.service").read_text()


@pytest.mark.parametrize(
    "script, words, status, why",
    [
        pytest.param(ABSENT, ["install"], 78, "let Windows or the host start `tapewire schedule run`", id="no systemd"),
        pytest.param(REFUSES, ["install"], 75, "systemctl --user enable --now tapewire-live.timer: no such unit", id="refused"),
        pytest.param(WORKS, ["install", "--at", "9.20"], 78, "write HH:MM New York", id="no time"),
        pytest.param(WORKS, ["install", "--", "--presett", "seed"], 2, "No such option: --presett", id="no option of up"),
        pytest.param(WORKS, ["remove"], 78, "nothing is scheduled for live", id="nothing to remove"),
        pytest.param(WORKS, ["show"], 1, "nothing is scheduled", id="nothing to show"),
    ],
)
def test_what_cannot_be_scheduled_is_told_and_leaves_nothing(
    call: Call, tmp_path: Path, script: str, words: list[str], status: int, why: str
) -> None:
    """Each with its status, and no unit behind it."""
    found, said = call(script, *words)

    assert found == status
    assert why in said
    assert not list(tmp_path.glob("config/systemd/user/*"))
