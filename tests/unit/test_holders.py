"""Who holds a port, from the kernel's own tables."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tapewire.daemons.operator import holders, supervise
from tapewire.daemons.settings.structs import PORTS

HOST, WANTED = "127.0.0.1", 24_500
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(address: str, port: int, *, state: str = "0A", uid: int = 0, inode: int = 77) -> str:
    return f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Callable[..., Path]:
    """A /proc of our own: two tables of sockets, and one process that holds the socket 77."""

    def make(tcp: str = "", tcp6: str = "", *, shown: bool = True) -> Path:
        (tmp_path / "net").mkdir()
        (tmp_path / "net" / "tcp").write_text(HEAD + tcp)
        (tmp_path / "net" / "tcp6").write_text(HEAD + tcp6)
        if shown:
            (tmp_path / "4711" / "fd").mkdir(parents=True)
            (tmp_path / "4711" / "fd" / "3").symlink_to("socket:[77]")
            (tmp_path / "4711" / "cmdline").write_bytes(b"nc\0-l\0my file\0")
        return tmp_path

    return make


@pytest.mark.parametrize(
    "tcp, tcp6",
    [
        pytest.param(row("0100007F", 5550), "", id="the same address"),
        pytest.param(row("00000000", 5550), "", id="every address"),
        pytest.param("", row("0" * 32, 5550), id="every address of IPv6"),
        pytest.param("", row("0000000000000000FFFF00000100007F", 5550), id="the same address in the table of IPv6"),
        pytest.param(row("0100007F", 5550, inode=0, state="06") + row("0100007F", 5550), "", id="beside one that has ended"),
        pytest.param(row("0100007F", 5550) + row("0100007F", 5550, inode=78, state="01"), "", id="beside a connection"),
    ],
)
def test_the_process_is_named_by_pid_and_command(proc: Callable[..., Path], tcp: str, tcp6: str) -> None:
    """Wherever the kernel lists its socket."""
    assert holders.of_ports(HOST, [5550], proc(tcp, tcp6)) == "5550 by pid 4711 `nc -l 'my file'`"


def test_a_process_that_is_not_shown_is_told_with_its_user(proc: Callable[..., Path]) -> None:
    """The table has the owner of a socket, also where the process that holds it is another user's."""
    said = holders.of_ports(HOST, [5550, 5551], proc(row("0100007F", 5550) + row("0100007F", 5551, uid=4_000_000), shown=False))

    assert said.startswith("5550 by a process of the user root (`sudo ss")
    assert "; 5551 by a process of the user 4000000 (" in said


def test_a_port_that_nobody_here_holds_points_to_windows(proc: Callable[..., Path]) -> None:
    """With mirrored networking WSL2 shares its ports with Windows, whose programs it does not list."""
    said = holders.of_ports(HOST, [5550], proc(row("0200007F", 5550) + row("0100007F", 5551)))

    assert "a program of Windows" in said


def test_a_port_of_this_process_and_a_claim_are_told() -> None:
    """With the real tables: a block whose first port listens, and one that is claimed and not bound yet."""
    base = supervise.free_base_port(HOST, WANTED)
    try:
        claimed = supervise.in_use(HOST, base)
        with socket.socket() as listening:
            listening.bind((HOST, base))
            listening.listen()
            bound = supervise.in_use(HOST, base)
    finally:
        supervise.release(HOST, base)

    assert claimed.startswith(f"{base} to {base + max(PORTS.values())} claimed by pid {os.getpid()} `")
    assert bound.startswith(f"{base} by pid {os.getpid()} `")
    assert not supervise.in_use(HOST, base)
