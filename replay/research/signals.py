"""Every strategy alone over a recording (playbook 4, independent): no position, no arbitration, no limits.

    session.jsonl      one line per RTH bar: the strategies' input, the same for every preset
    levels.jsonl       one line per session: its levels, regime and history as known at the first RTH bar
    proposals.jsonl    one line per proposal, in bar order, then in priority order
    research.json      what was read, and the result; it is written last, so if it exists the others are complete

Times are Eastern wall stamps of bars, prices are unrounded, and null means missing or "no such order".
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import disk
from tapewire.bus.errors import InvariantError
from tapewire.bus.messages import Session
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import runs, tapes
from tapewire.replay.research.sessions import sessions
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tapewire.strategies import registry
from tapewire.strategies.clock import hhmm
from tapewire.strategies.protocol import Proposal
from tapewire.strategies.roster import Independent


class SignalsResult(Struct, frozen=True):
    """What `signals` read and found. proposals: by display name, those without any included. off: strategies that failed."""

    instrument: str
    preset: str
    strategies: tuple[str, ...]
    day_type: str
    bars: int
    rth_bars: int
    sessions: int
    proposals: dict[str, int]
    off: tuple[str, ...]
    files: tuple[SourceFile, ...]
    ignored: tuple[Ignored, ...]


def write(conf: Conf, recording: Recording, out: Path, progress: runs.Progress) -> SignalsResult:
    """Write the four files into `out`. Replaces those of an earlier call; leaves a run's files beside them alone.

    Raises:
        ConfError: the folder cannot be used, or the preset is wrong.
    """
    preset = conf.preset
    strategies = registry.build(preset.strategies, preset.parameters, preset.day_type)
    independent = Independent(strategies, preset.exits.exit_time)
    runs.prepare(out, writes=runs.RESEARCH)
    found = Counter({strategy.name: 0 for strategy in strategies})
    off: list[str] = []
    rth_bars = days = 0
    with ExitStack() as open_files:
        session_file, levels_file, proposals_file = (
            open_files.enter_context(disk.whole(out / name)) for name in ("session.jsonl", "levels.jsonl", "proposals.jsonl")
        )
        for s in sessions(conf, runs.counted(recording, progress)):
            for proposal in independent.step(s):
                found[proposal.strategy] += 1
                proposals_file.write(_line(proposal_line(s, proposal)))
            off += (f"{tapes.wall(s.bar.close_ns)}: {fault}" for fault in independent.roster.failures[len(off) :])
            if s.i == 0:
                days += 1
                levels_file.write(_line(levels_line(s)))
            if s.rth:
                rth_bars += 1
                session_file.write(_line(session_line(s)))
    findings = SignalsResult(
        instrument=recording.instrument,
        preset=preset.name,
        strategies=preset.strategies,
        day_type=preset.day_type,
        bars=len(recording.bars),
        rth_bars=rth_bars,
        sessions=days,
        proposals=dict(found),
        off=tuple(off),
        files=recording.files,
        ignored=recording.ignored,
    )
    disk.replace(out / "research.json", msgspec.json.format(msgspec.json.encode(findings), indent=2) + b"\n")
    return findings


def proposal_line(s: Session, proposal: Proposal) -> dict[str, Any]:
    """A proposal with its bar."""
    return {
        "session": s.session,
        "time": tapes.wall(s.bar.close_ns),
        "strategy": proposal.strategy,
        "setup": proposal.setup,
        "direction": proposal.direction,
        "entry": proposal.entry,
        "stop": proposal.stop,
        "target": proposal.target,
        "day_type": proposal.day_type,
        "confidence": proposal.confidence,
        "day_confidence": proposal.day_confidence,
        "quality": proposal.quality,
        "reason": proposal.reason,
    }


def session_line(s: Session) -> dict[str, Any]:
    """The session state after an RTH bar (playbook 2). A recording may begin after the opening range: that is null then."""
    flow, or30, ib = s.flow, s.or30, s.ib
    if flow is None:
        raise InvariantError(f"the RTH bar {tapes.wall(s.bar.close_ns)} has no order flow")
    return {
        "session": s.session,
        "time": tapes.wall(s.bar.close_ns),
        "bar": s.i,
        "post_ib_bar": s.k,
        "vwap": s.vwap,
        "vwap_eth": s.vwap_eth,
        "or_high": or30 and or30.high,
        "or_low": or30 and or30.low,
        "or_final": or30 and or30.final,
        "ib_high": ib and ib.high,
        "ib_low": ib and ib.low,
        "ib_final": ib and ib.final,
        "ib_valid": ib and ib.valid,
        "day_type_edge": s.day_type_edge,
        "day_type_midpoint": s.day_type_midpoint,
        "above": s.above,
        "below": s.below,
        "accepted_long": s.accepted_long,
        "accepted_short": s.accepted_short,
        "delta": flow.delta,
        "delta10": flow.delta10,
        "delta_previous9": flow.delta_previous9,
        "delta_percentile": flow.delta_percentile,
        "imbalance_ratio": flow.imbalance_ratio,
        "volume_spike": flow.volume_spike,
        "quality": flow.quality,
        "fvg_bull": s.fvg_bull,
        "fvg_bear": s.fvg_bear,
        "fvg_bull_15m": s.fvg_bull_15m,
        "touches": s.touches,
        "trend_bull": s.scores.trend_bull,
        "trend_bear": s.scores.trend_bear,
        "b_day": s.scores.b_day,
    }


def levels_line(s: Session) -> dict[str, Any]:
    """What is known of a session on its first RTH bar (playbook 1.3, 2.8). regime None: unknown, treated as allowed."""
    return {
        "session": s.session,
        "close": hhmm(s.closes),
        **msgspec.structs.asdict(s.levels),
        "regime": s.history.regime,
        "ib_history": s.history.count,
    }


def _line(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row) + b"\n"
