"""A start by itself on trading days: `tapewire schedule install|show|remove`, as a timer of the user's systemd.

The timer's line names New York, so summer time is systemd's affair. What it starts is `tapewire schedule run`, which asks the
exchange's calendar: holidays are skipped and told. Windows' Task Scheduler calls the same command (daemons/SCHEDULE.md).
"""

from __future__ import annotations

import datetime as dt
import getpass
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus import disk
from tapewire.bus.errors import ConfError, Transient
from tapewire.daemons.operator import instances, trading_days
from tapewire.daemons.operator.commands import NOT_READY, JsonOption
from tapewire.daemons.settings import load as configuration

PREFIX = "tapewire-"
AT = "09:20"
LOOK_S = 5.0
PAGE = "daemons/SCHEDULE.md"

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)
app = typer.Typer(help="Start by itself on trading days.", no_args_is_help=True, rich_markup_mode=None)

AtOption = Annotated[str, typer.Option("--at", help="When to start, HH:MM in New York.")]
UpArgument = Annotated[list[str] | None, typer.Argument(metavar="-- OPTIONS OF UP", help="Such as -- --preset seed.")]


class Planned(Struct, frozen=True):
    """A scheduled start. next: with its zone; empty if the calendar has none. active: systemd has its timer running."""

    name: str
    at: str
    next: str
    active: bool
    skipped: tuple[str, ...]


def register(application: typer.Typer) -> None:
    """Add this module's commands to the application."""
    application.add_typer(app, name="schedule")


@app.command()
def install(options: UpArgument = None, at: AtOption = AT) -> None:
    """Install the timer of a run and start it. Give what `tapewire up` is to get behind `--`; the current folder is kept."""
    words = options or []
    name, moment = _name(words), _time(at)
    if why := unavailable():
        raise ConfError(why)
    folder = units()
    service, timer = folder / f"{PREFIX}{name}.service", folder / f"{PREFIX}{name}.timer"
    command = [sys.executable, "-P", "-m", "tapewire", "schedule", "run", "--at", at, "--", *words]
    with disk.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    disk.replace(service, service_text(name, Path.cwd(), command).encode())
    disk.replace(timer, timer_text(name, moment).encode())
    try:
        _systemctl("daemon-reload")
        _systemctl("enable", "--now", timer.name)
    except Transient:
        _drop(name)
        raise
    out.print(f"installed: {timer}", markup=False)
    _tell(_planned(timer))
    lingers = _ask("loginctl", "show-user", getpass.getuser(), "-p", "Linger", "--value")
    if lingers.stdout.strip() == "no":
        err.print("warning: it starts only while you are logged in; `loginctl enable-linger` changes that", style="yellow")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the run; `tapewire schedule show` lists them.")] = instances.LIVE,
) -> None:
    """Remove the timer of a run. A run that is up goes on."""
    if not (units() / f"{PREFIX}{name}.timer").exists():
        raise ConfError(f"nothing is scheduled for {name}; `tapewire schedule show` lists what is")
    if not unavailable():
        _systemctl("disable", "--now", f"{PREFIX}{name}.timer")
    _drop(name)
    if not unavailable():
        _systemctl("daemon-reload")
    out.print(f"removed: {PREFIX}{name}.timer", markup=False)


@app.command()
def show(json: JsonOption = False) -> None:
    """Show the next start of each run, and the holidays before it.

    Exit status 1 if nothing is scheduled, or the timer of a run is not active.
    """
    found = [_planned(path) for path in sorted(units().glob(f"{PREFIX}*.timer"))]
    if json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    for each in [] if json else found:
        _tell(each)
    if not found and not json:
        out.print("nothing is scheduled; `tapewire schedule install` installs a timer")
    if why := unavailable():
        err.print(why, style="red", markup=False)
    raise typer.Exit(0 if found and all(each.active for each in found) else 1)


@app.command()
def run(
    options: UpArgument = None,
    at: AtOption = AT,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay until the run is down: Windows ends a WSL2 in which no command of its own runs.")
    ] = False,
) -> None:
    """What the timer calls: ask the calendar, then `tapewire up`. Exit status 0 on a day without a start, or if the run is up."""
    words = options or []
    name, moment, now = _name(words), _time(at), dt.datetime.now(dt.UTC)
    up = any(each.name == name for each in instances.running())
    verdict = trading_days.judge(now, moment, trading_days.closes(now.date() - dt.timedelta(1)))
    if not up and not verdict.starts:
        out.print(f"nothing is started: {verdict.why}", markup=False)
        raise typer.Exit
    out.print(f"{name} is up already" if up else verdict.why, markup=False)
    command = [sys.executable, "-P", "-m", "tapewire", "up", *words]
    status = 0 if up else subprocess.call(command)
    while stay and status in (0, NOT_READY) and any(each.name == name for each in instances.running()):
        time.sleep(LOOK_S)
    raise typer.Exit(status)


def units() -> Path:
    """Where the user's own units lie."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def service_text(name: str, folder: Path, command: list[str]) -> str:
    """The unit that starts a run. What it starts lives on when it has ended (KillMode)."""
    return f"""# Written by `tapewire schedule install`; `tapewire schedule remove {name}` removes it.
[Unit]
Description=tapewire: start the run {name} on trading days

[Service]
Type=oneshot
WorkingDirectory={str(folder).replace("%", "%%")}
ExecStart={" ".join(map(_quoted, command))}
KillMode=process
TimeoutStartSec=300
"""


def timer_text(name: str, at: dt.time) -> str:
    """The timer. A start that was missed is made up for when the machine is up again; `run` refuses one after the close."""
    return f"""# Written by `tapewire schedule install`; `tapewire schedule remove {name}` removes it.
[Unit]
Description=tapewire: when to start the run {name}

[Timer]
OnCalendar={on_calendar(at)}
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
"""


def on_calendar(at: dt.time) -> str:
    """systemd's line for a time of New York on every weekday (systemd.time(7)); `run` knows the holidays."""
    return f"Mon..Fri *-*-* {at:%H:%M}:00 America/New_York"


def unavailable() -> str:
    """Why systemd starts nothing for this user, with the remedy; empty if it does."""
    done = _ask("systemctl", "--user", "is-system-running")
    if done.stdout.strip() in ("running", "degraded", "starting"):
        return ""
    why = (done.stderr.strip() or done.stdout.strip()).splitlines()[:1]
    return f"systemd starts nothing for this user here ({', '.join(why)}); {_elsewhere()}"


def _elsewhere() -> str:
    page = f"or let Windows or the host start `tapewire schedule run` ({PAGE})"
    if "microsoft" in os.uname().release.lower():
        return f"write `systemd=true` under [boot] in /etc/wsl.conf, then `wsl --shutdown` on Windows, {page}"
    if (first := Path("/proc/1/comm").read_text("utf-8").strip()) != "systemd":
        return f"the first process of this container or machine is {first}: use one that starts systemd, {page}"
    return f"log in with a session of your own (not `su` or `sudo`), or `sudo loginctl enable-linger $USER`, {page}"


def _systemctl(*words: str) -> None:
    done = _ask("systemctl", "--user", *words)
    if done.returncode != 0:
        raise Transient(f"systemctl --user {' '.join(words)}: {done.stderr.strip() or done.returncode}")


def _ask(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of systemd to its end; status 127 if this machine does not have it."""
    path = shutil.which(program)
    if path is None:
        return subprocess.CompletedProcess([program, *words], 127, "", f"{program} is not installed")
    return subprocess.run([path, *words], capture_output=True, text=True, check=False)


def _drop(name: str) -> None:
    for suffix in ("timer", "service"):
        path = units() / f"{PREFIX}{name}.{suffix}"
        with disk.writing(path, "removed"):
            path.unlink(missing_ok=True)


def _planned(timer: Path) -> Planned:
    """What a timer's file plans, by the calendar."""
    line = next(line for line in timer.read_text("utf-8").splitlines() if line.startswith("OnCalendar="))
    at = line.split()[2][:5]
    now = dt.datetime.now(dt.UTC)
    moment, skipped = trading_days.ahead(now, _time(at), trading_days.closes(now.date() - dt.timedelta(1)))
    done = _ask("systemctl", "--user", "is-active", timer.name)
    name = timer.stem.removeprefix(PREFIX)
    return Planned(name, at, moment.isoformat() if moment else "", done.stdout.strip() == "active", tuple(skipped))


def _tell(planned: Planned) -> None:
    for text in planned.skipped:
        out.print(f"{planned.name}: {text}", markup=False)
    if not planned.next:
        out.print(f"{planned.name}: no trading day is known within {trading_days.AHEAD.days} days", markup=False, style="red")
        return
    moment = dt.datetime.fromisoformat(planned.next)
    state = "" if planned.active else "; its timer is NOT ACTIVE"
    words = f"{planned.name}: next start {moment:%A %Y-%m-%d %H:%M} New York, {moment.astimezone():%H:%M %Z} here{state}"
    out.print(words, markup=False, style=None if planned.active else "red")


def _name(words: list[str]) -> str:
    """The name of the run that these options of `up` start. Raises what `up` raises for options that it does not have."""
    from tapewire.daemons.operator import commands

    parent = typer.Typer()
    commands.register(parent)
    up = typer.main.get_command(parent).commands["up"]  # type: ignore[attr-defined]
    account: Path | None = up.make_context("up", list(words)).params["account"]
    return instances.LIVE if account is None else configuration.name_of(account)


def _time(at: str) -> dt.time:
    try:
        moment = dt.datetime.strptime(at, "%H:%M").time()
    except ValueError:
        raise ConfError(f"--at {at}: write HH:MM New York, such as {AT}") from None
    return moment


def _quoted(word: str) -> str:
    """A word of systemd's ExecStart (systemd.service(5), systemd.syntax(7))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
