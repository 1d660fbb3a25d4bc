"""The files of a run: private to their user, and written anew when somebody takes them away from the daemons that write them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tapewire.bus import private
from tapewire.bus.errors import JournalError, TapewireError
from tapewire.bus.journal import scan
from tapewire.bus.messages import Alarm, Bar, Reject, Trade
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.replay import runs, tapes
from tapewire.replay.player import Player
from tapewire.replay.sources.recording import Recording
from tests.integration.conftest import Run
from tests.integration.test_damage import ended, with_records
from tests.integration.test_kill_switch import killed
from tests.integration.test_parity import journal
from tests.integration.test_processes import eventually, is_back, status

pytestmark = pytest.mark.slow

TAPE = "raw.bar.MNQ.1m.tape"
DOWN, BACK = "journal not whole", "the logger is back"


# --- private --------------------------------------------------------------------------------------------------------------------


def test_what_a_run_writes_only_its_user_can_read(tapewire: Run, up: instances.Instance) -> None:
    """Run folder, journal, logs, keys, latch, sockets and registry, whatever mask the operator's shell has; the doctor agrees."""
    with_records(tapewire, up)
    run = Path(up.run)

    assert {"gate.log", "killed", "keys", "logs", "run.json", "supervisord.pid", "journal"} <= {path.name for path in run.iterdir()}
    for place in (run.parent, run, instances.folder(), Path(up.socket).parent):
        assert private.readable(place) is None
    assert files_line(tapewire)["state"] == "ok"


def test_up_makes_the_folder_of_the_version_before_private(tapewire: Run, up: instances.Instance) -> None:
    """A run whose files everybody could read goes on with its books, and nobody else can read them any more."""
    with_records(tapewire, up)
    run = Path(up.run)
    assert tapewire("down").returncode == 0
    for path in (run, *run.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)

    again = tapewire("up", "--var", run.parent)

    assert again.returncode == 0, again.stderr
    assert private.readable(run) is None
    assert killed(Path(instances.choose("live").run))


def test_the_doctor_names_a_file_that_others_can_read(tapewire: Run, up: instances.Instance) -> None:
    """One mode changed by hand: the line is broken, with path and remedy."""
    log = Path(up.run) / "gate.log"
    log.chmod(0o644)

    line = files_line(tapewire)

    assert line["state"] == "broken"
    assert line["value"] == f"{log}: others can access it (mode 0644)"
    assert "chmod" in line["remedy"]


def test_results_only_their_user_can_read(tapewire: Run, bars: Path, tmp_path: Path) -> None:
    """A backtest into an open folder that an earlier version has filled: the folder and all results are private afterwards."""
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o755)
    (out / "report.html").touch(0o644)

    done = tapewire("backtest", "--data", bars, "--out", out)

    assert done.returncode == 0, done.stderr
    assert {"journal", "run.json", "report.html", "summary.json"} <= {path.name for path in out.iterdir()}
    assert private.readable(out) is None


def files_line(tapewire: Run) -> dict[str, str]:
    (line,) = (each for each in json.loads(tapewire("doctor", "--json").stdout) if each["name"] == "files")
    return {str(key): str(value) for key, value in line.items()}


# --- the gate's log -------------------------------------------------------------------------------------------------------------


def test_a_deleted_gate_log_is_written_anew(tapewire: Run, up: instances.Instance) -> None:
    """The gate writes the file again from what it holds open. It goes on, says so in its log, and a restart finds its books."""
    log = with_records(tapewire, up)
    before = log.read_bytes()

    log.unlink()
    assert eventually(log.exists)
    restored = log.read_bytes()
    old = status(tapewire)["gate"]["pid"]
    os.kill(old, signal.SIGKILL)
    assert eventually(lambda: is_back(tapewire, "gate", old))

    assert restored[: len(before)] == before
    assert list(scan(log))
    assert killed(Path(up.run))
    assert "log_restored" in (Path(up.run) / "logs" / "gate.log").read_text()


def test_a_gate_log_that_was_cut_short_stops_the_gate(tapewire: Run, up: instances.Instance) -> None:
    """Its bytes are lost, so the gate ends with status 74, and `up` does not start with a part of the books."""
    log = with_records(tapewire, up)
    os.truncate(log, log.stat().st_size // 2)

    assert eventually(lambda: ended(up, "gate") == JournalError.status)
    assert "was cut from" in (Path(up.run) / "logs" / "gate.log").read_text()
    assert tapewire("down").returncode == 0
    again = tapewire("up", "--var", Path(up.run).parent)

    assert again.returncode == JournalError.status
    assert "gate.log.quarantined" in again.stderr


def test_a_gate_log_that_was_removed_while_the_gate_was_dead_stops_it(tapewire: Run, up: instances.Instance) -> None:
    """It does not begin with the books of the epoch before: it ends with status 74, and `up` starts nothing either."""
    log = with_records(tapewire, up)
    old = status(tapewire)["gate"]["pid"]
    os.kill(old, signal.SIGSTOP)
    log.unlink()
    os.kill(old, signal.SIGKILL)

    assert eventually(lambda: ended(up, "gate") == JournalError.status)
    assert "gate.log has begun and is gone" in (Path(up.run) / "logs" / "gate.log").read_text()
    assert tapewire("down").returncode == 0
    again = tapewire("up", "--var", Path(up.run).parent)

    assert again.returncode == JournalError.status
    assert "gate.log has begun and is gone" in again.stderr
    assert not log.exists()


# --- the journal ----------------------------------------------------------------------------------------------------------------


def delete(run: Path) -> None:
    """One tape."""
    (run / "journal" / TAPE).unlink()


def delete_all(run: Path) -> None:
    """The whole journal."""
    shutil.rmtree(run / "journal")


def replace(run: Path) -> None:
    """Another program's file under a tape's name."""
    other = run / "other"
    other.write_text("not a journal")
    other.replace(run / "journal" / TAPE)


def cut(run: Path) -> None:
    """The last records of a tape."""
    tape = run / "journal" / TAPE
    os.truncate(tape, tape.stat().st_size - 2_000)


@pytest.mark.parametrize("harm", [delete, delete_all, replace, cut])
def test_a_harmed_journal_becomes_whole_again(harm: Callable[[Path], None], home: Path, bars: Path, tmp_path: Path) -> None:
    """At night, while nothing is traded: the gate stops entries, the logger brings the file back, entries go on. At the end every
    record of every topic is as in an undisturbed run, but for the alarms and the account's states."""
    conf, recording = prepared("harm", bars)
    recording = msgspec.structs.replace(recording, bars=recording.bars[:1_000])
    undisturbed, out = tmp_path / "undisturbed", runs.prepare(tmp_path / "out")
    runs.backtest(conf, recording, undisturbed, lambda share: None)
    configuration.write(conf, out)

    with runs.supervised(conf, out, lambda text: None), Player(conf, out, runs.venue(conf), logs.configure("replay")) as player:

        def played(bar: Bar) -> None:
            if bar.index == 300:
                harm(out)
                assert eventually(lambda: pumped(player) and DOWN in told(out))
                assert eventually(lambda: pumped(player) and told(out)[-1:] == [BACK])

        player.join()
        player.play(recording.bars, played=played)
        player.finish()

    assert decided(out) == decided(undisturbed)
    assert list(tapes.facts(out, "trade.", Trade))
    assert harm is cut or any(TAPE in alarm.text for alarm in tapes.facts(out, "sys.alarm.logger.", Alarm))


def test_while_the_journal_is_not_whole_nothing_is_entered(home: Path, bars: Path, tmp_path: Path) -> None:
    """A tape is deleted again and again: entries are refused with JOURNAL_DOWN meanwhile, bars go on, and nothing is missing."""
    conf, recording = prepared("deleted", bars)
    out = runs.prepare(tmp_path / "out")
    configuration.write(conf, out)
    first, last = 1_030, 1_100  # within RTH

    with runs.supervised(conf, out, lambda text: None), Player(conf, out, runs.venue(conf), logs.configure("replay")) as player:

        def played(bar: Bar) -> None:
            if first <= bar.index <= last:
                (out / "journal" / TAPE).unlink(missing_ok=True)
            if bar.index == first:
                assert eventually(lambda: pumped(player) and DOWN in told(out)[-1:])
            elif bar.index == last + 1:
                assert eventually(lambda: pumped(player) and told(out)[-1:] == [BACK])

        player.join()
        player.play(recording.bars[:1_300], played=played)
        player.finish()
    at = [bar.close_ns for bar in recording.bars[:1_300]]
    entered = [trade.entry_ns for trade in tapes.facts(out, "trade.", Trade)]

    assert {reject.reason for reject in tapes.facts(out, "reject.", Reject)} == {"JOURNAL_DOWN"}
    assert [entry for entry in entered if at[first + 1] < entry <= at[last]] == []
    assert min(entered) < at[first] < at[last] < max(entered)
    assert [bar.close_ns for bar in tapes.facts(out, "raw.bar.MNQ.", Bar)] == at


def prepared(name: str, bars: Path) -> tuple[Conf, Recording]:
    """A replay of the pipeline strategy on ports of its own, and its recording."""
    conf = configuration.load("replay", instance=name, traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    return msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base)), recording


def pumped(player: Player) -> bool:
    """The player goes on meanwhile."""
    player.pump(0.05)
    return True


def told(run: Path) -> list[str]:
    """What the gate's alarms said of the journal so far, up to the first colon; nothing while the journal is away."""
    try:
        return [alarm.text.partition(":")[0] for alarm in tapes.facts(run, "sys.alarm.gate.", Alarm)]
    except TapewireError:
        return []


def decided(run: Path) -> dict[str, bytes]:
    """The journal without the account's states and the alarms."""
    return {
        name: content for name, content in journal(run).items() if not name.startswith(("risk.", "sys.")) and ".tape." not in name
    }
