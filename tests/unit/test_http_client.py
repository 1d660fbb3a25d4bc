"""What the HTTP client for NinjaTrader reads as a signal, without a server and without a chart."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mono import SOURCES, needs_mono, run
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

TICK, LAST, CLOSE_NS, LARGEST, FURTHEST = 0.25, 21000.0, 1000, 5, 8  # the market of the verb `answers`
LONG: dict[str, Any] = {
    "action": "ENTER_LONG",
    "id": "one",
    "entry_price": 21000.0,
    "stop_loss": 20990.0,
    "target": 21020.0,
    "position_size": 2,
    "valid_until_ns": 5000,
    "code": "",
    "reasoning": "as ordered",
    "day_type": None,
    "of_quality": {"score": 3},
}
SHORT = LONG | {"action": "ENTER_SHORT", "stop_loss": 21010.0, "target": 20980.0}


def answers(program: Path, *bodies: str) -> list[str]:
    done = run(program, "answers", given="".join(f"{body}\n" for body in bodies))
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def entry(changes: dict[str, Any], of: dict[str, Any] = LONG) -> str:
    return json.dumps({name: value for name, value in (of | changes).items() if value != "left out"})


SIGNALS: list[tuple[str, str]] = [
    (entry({}), "ENTER_LONG 20990 2 | as ordered"),
    (entry({}, SHORT), "ENTER_SHORT 21010 2 | as ordered"),
    (entry({"stop_loss": 20990.01}), "ENTER_LONG 20990.25 2 | as ordered"),
    (entry({"stop_loss": 21009.99}, SHORT), "ENTER_SHORT 21009.75 2 | as ordered"),
    (entry({"target": None}), "ENTER_LONG 20990 2 | as ordered"),
    (entry({"entry_price": 21002.0}), "ENTER_LONG 20990 2 | as ordered"),
    (entry({"entry_price": 21002.25}), "NONE - 0 | ENTRY: 21002.25 is more than 8 ticks from the last close at 21000"),
    (entry({"entry_price": 21000.1}), "NONE - 0 | ENTRY: 21000.1 is not on the tick 0.25"),
    (entry({"entry_price": None}), "NONE - 0 | ENTRY: nothing is not on the tick 0.25"),
    (entry({"stop_loss": None}), "NONE - 0 | STOP: an entry without a stop is none"),
    (entry({"stop_loss": 20999.9}), "NONE - 0 | STOP: 21000 is on the wrong side of 21000"),
    (entry({"stop_loss": 21010.0}), "NONE - 0 | STOP: 21010 is on the wrong side of 21000"),
    (entry({"stop_loss": 20990.0}, SHORT), "NONE - 0 | STOP: 20990 is on the wrong side of 21000"),
    (entry({"target": 21020.1}), "NONE - 0 | TARGET: 21020.1 is not on the tick 0.25"),
    (entry({"target": 21000.0}), "NONE - 0 | TARGET: 21000 is on the wrong side of 21000"),
    (entry({"position_size": 5}), "ENTER_LONG 20990 5 | as ordered"),
    (entry({"position_size": 6}), "NONE - 0 | SIZE: 6 contracts, and this strategy trades at most 5"),
    (entry({"position_size": 0}), "NONE - 0 | SIZE: 0 contracts"),
    (entry({"position_size": 1.5}), "NONE - 0 | ANSWER: position_size is no whole number"),
    (entry({"position_size": -1}), "NONE - 0 | ANSWER: position_size is no whole number"),
    (entry({"position_size": "2"}), "NONE - 0 | ANSWER: position_size is no whole number"),
    (entry({"position_size": True}), "NONE - 0 | ANSWER: position_size is no whole number"),
    (entry({"entry_price": "21000"}), "NONE - 0 | ANSWER: entry_price is no price"),
    (entry({"target": False}), "NONE - 0 | ANSWER: target is no price"),
    (entry({"target": "left out"}), "NONE - 0 | ANSWER: target is missing"),
    (entry({"valid_until_ns": 1000}), "ENTER_LONG 20990 2 | as ordered"),
    (entry({"valid_until_ns": 999}), "NONE - 0 | EXPIRED: its time is over"),
    (entry({"valid_until_ns": None}), "NONE - 0 | EXPIRED: it does not tell how long it is good"),
    (entry({"id": ""}), "NONE - 0 | ID: an id is 1 to 50 printable characters without spaces"),
    (entry({"id": "x" * 51}), "NONE - 0 | ID: "),
    (entry({"id": "two words"}), "NONE - 0 | ID: "),
    (entry({"action": "BUY"}), "NONE - 0 | ACTION: unknown: BUY"),
    (entry({"action": None}), "NONE - 0 | ANSWER: action is no text"),
    (entry({"action": "EXIT", "stop_loss": None, "target": None}), "EXIT - 2 | as ordered"),
    (entry({"action": "MOVE_STOP", "stop_loss": None}), "NONE - 0 | PRICE: it does not say where to"),
    (entry({"action": "NONE", "code": "NO_SETUP", "reasoning": "calm\u0007 \u00e4"}), "NONE 20990 2 | NO_SETUP: calm"),
    (entry({"code": "A\nB", "reasoning": "two\nlines"}), "ENTER_LONG 20990 2 | A B: two lines"),
    (entry({"action": "NONE", "reasoning": ""}), "NONE - 0 | NONE: without a reason"),
    ("", "NONE - 0 | ANSWER: no value at character 0"),
    ("null", "NONE - 0 | ANSWER: it is no object"),
    (entry({}) + "x", "NONE - 0 | ANSWER: something stands behind the end"),
    (entry({})[:-1] + ',"action":"NONE"}', "NONE - 0 | ANSWER: a name comes twice"),
    (entry({}).replace("21020.0", "NaN"), "NONE - 0 | ANSWER: no value"),
    (entry({}).replace("21020.0", "-Infinity"), "NONE - 0 | ANSWER: no number"),
    (entry({}).replace("21020.0", "1e400"), "NONE - 0 | ANSWER: a number beyond all bounds"),
    (entry({}).replace("21020.0", "021020"), "NONE - 0 | ANSWER: no number"),
    (entry({}).replace("21020.0", "21,020.0"), "NONE - 0 | ANSWER: "),
    (entry({}).replace("21020.0", "+21020"), "NONE - 0 | ANSWER: no value"),
]


def test_an_answer_is_a_signal_or_none_with_a_reason(program: Path) -> None:
    """Prices on the tick, a stop on the right side, a size within bounds, a time that is not over, and strict JSON; else NONE."""
    told = answers(program, *(body for body, _ in SIGNALS))

    for (body, expected), line in zip(SIGNALS, told, strict=True):
        assert line.startswith(expected), body


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.floats(20900, 21100),
    st.text(max_size=60),
    st.lists(st.none(), max_size=2),
    st.sampled_from(["EXIT", "ENTER_SHORT", "MOVE_TARGET"]),
)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from(sorted(LONG)), VALUES, max_size=3), st.integers(-40, 3)), min_size=20, max_size=40
    )
)
def test_nothing_that_comes_is_an_entry_without_protection(program: Path, cases: list[tuple[dict[str, Any], int]]) -> None:
    """Fields of any value, bodies cut anywhere: each gives one line, and an entry only within its bounds."""
    bodies = [entry(changes)[: cut if cut < 0 else None] for changes, cut in cases]
    told = answers(program, *bodies)

    assert len(told) == len(bodies)
    for body, line in zip(bodies, told, strict=True):
        action, stop, size = line.split(" | ")[0].split(" ")
        assert line.split(" | ")[1] != "" or action != "NONE"
        if action.startswith("ENTER"):
            side = 1 if action == "ENTER_LONG" else -1
            fields = json.loads(body)
            assert 1 <= int(size) <= LARGEST
            assert (LAST - float(stop)) * side > 0
            assert (fields["entry_price"] - float(stop)) * side > 0
            assert math.isclose(float(stop) % TICK, 0, abs_tol=1e-6)
            assert fields["valid_until_ns"] >= CLOSE_NS
            assert abs(fields["entry_price"] - LAST) <= FURTHEST * TICK


@pytest.mark.parametrize(
    "rights, others",
    [
        ("S-1-5-18=FullControl S-1-5-32-544=FullControl", ""),
        ("S-1-5-18=FullControl S-1-1-0=Read", "another user (S-1-1-0)"),
        ("S-1-5-32-545=ReadAndExecute", "another user (S-1-5-32-545)"),
        ("S-1-5-11=FullControl", "another user (S-1-5-11)"),
        ("S-1-5-32-545=WriteAttributes", ""),
    ],
)
def test_a_key_that_other_users_of_windows_may_read_is_named(program: Path, rights: str, others: str) -> None:
    """The system and administrators can read everything; nobody else may."""
    done = run(program, "http-keys", given=rights + "\n")

    assert done.stdout == others + "\n"


def test_the_client_needs_nothing_else_of_tapewire(tmp_path: Path) -> None:
    """The files of its folder and NinjaTrader's own types are all that it compiles against, without NetMQ."""
    sources = [*sorted((SOURCES / "examples").glob("*.cs")), SOURCES / "testing" / "NinjaTrader.cs"]
    command = [
        "mcs",
        "-langversion:7",
        "-warn:4",
        "-warnaserror",
        "-target:library",
        f"-out:{tmp_path / 'client.dll'}",
        *map(str, sources),
    ]
    done = subprocess.run(
        [*command, "-r:System.ComponentModel.DataAnnotations"], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
