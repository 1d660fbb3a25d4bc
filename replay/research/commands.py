"""The commands of research: signals, lookahead, sweep."""

from __future__ import annotations

import msgspec
import typer

from replay.commands import (
    DataOption,
    InstrumentOption,
    JsonOption,
    OutOption,
    PresetOption,
    StrategiesOption,
    bar,
    err,
    out,
    prepare,
)
from replay.research import signals as independent


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (signals,):
        app.command()(command)


def signals(
    data: DataOption,
    out_dir: OutOption,
    instrument: InstrumentOption = "MNQ",
    preset: PresetOption = "seed",
    strategies: StrategiesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every strategy alone, no position, no arbitration: proposals, session state, levels. Exit status 1 if one of them failed."""
    conf, recording = prepare(data, instrument, preset, strategies, "next_open", "signals")
    with bar() as (tell, progress):
        tell("signals")
        findings = independent.write(conf, recording, out_dir, progress)
    if as_json:
        out.print(msgspec.json.encode(findings).decode(), markup=False)
    else:
        out.print(
            f"bars          {findings.bars}, of which {findings.rth_bars} in RTH, of {findings.sessions} sessions", markup=False
        )
        out.print(f"proposals     {sum(findings.proposals.values())} ({findings.preset}, each strategy alone)", markup=False)
        for name, number in findings.proposals.items():
            out.print(f"              {name}: {number}", markup=False)
        out.print(f"results: {out_dir} (proposals.jsonl, session.jsonl, levels.jsonl, research.json)", markup=False)
    for text in findings.off:
        err.print(text, style="red", markup=False)
    raise typer.Exit(1 if findings.off else 0)
