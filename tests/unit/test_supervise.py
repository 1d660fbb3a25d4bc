"""Ports are claimed before they are used, so two runs that start at the same moment never share a block."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import supervise
from tapewire.daemons.shell.process import cores_of, own_core

HOST, WANTED = "127.0.0.1", 23_500


def test_a_claimed_block_is_not_assigned_twice() -> None:
    """The second claim gets the next block, in the same process as well."""
    first = supervise.free_base_port(HOST, WANTED)
    try:
        second = supervise.free_base_port(HOST, WANTED)
        supervise.release(HOST, second)
    finally:
        supervise.release(HOST, first)

    assert second > first


def test_another_process_sees_the_claim() -> None:
    """No port is bound yet, and the block still counts as claimed everywhere on the machine."""
    base = supervise.free_base_port(HOST, WANTED)
    code = f"from tapewire.daemons.operator import supervise; print(supervise.free_base_port({HOST!r}, {base}))"
    try:
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    finally:
        supervise.release(HOST, base)

    assert int(other.stdout) > base


def test_a_released_block_is_free_again() -> None:
    """A release leaves nothing behind."""
    base = supervise.free_base_port(HOST, WANTED)
    supervise.release(HOST, base)

    assert supervise.claim(HOST, base)
    supervise.release(HOST, base)


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid"])
def test_a_host_that_is_no_address_of_this_machine_is_named(host: str) -> None:
    """Each of its ports was called in use, by a program of Windows perhaps."""
    with pytest.raises(ConfError, match=rf"\[bus\] host = '{host}' is no address of this machine \(.+\); write 127.0.0.1, or"):
        supervise.free_base_port(host, 7_550)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_runs_side_by_side_keep_their_chains_on_different_cores(count: int) -> None:
    """Live beside a replay, and replays one after the other; the numbers of the cores are those that the system gives us."""
    cores = list(range(10, 10 + count))

    live, first, second = (own_core(cores, base) for base in (5550, 6550, 6650))

    assert live != first
    assert first != second
    assert {own_core(cores, 6550 + 100 * number) for number in range(2 * count)} == set(cores)


@pytest.mark.parametrize("choice", ["auto", 11])
def test_only_the_decision_chain_works_on_its_core(choice: str | int) -> None:
    """The logger and the others would take their turns between a bar and its order."""
    chain = [cores_of(name, choice, 5550, [10, 11]) for name in ("broker", "tracker", "evaluator", "gate", "nt")]
    others = [cores_of(name, choice, 5550, [10, 11]) for name in ("logger", "publisher", "daybook")]

    assert all(len(cores) == 1 and cores == chain[0] for cores in chain)
    assert all(cores == {10, 11} - chain[0] for cores in others)


@pytest.mark.parametrize(("choice", "cores"), [("off", [10, 11]), ("auto", [10])])
def test_without_pinning_or_a_second_core_all_share_all(choice: str, cores: list[int]) -> None:
    """A process that was kept off the only core could not run."""
    assert cores_of("gate", choice, 5550, cores) == cores_of("logger", choice, 5550, cores) == {*cores}
