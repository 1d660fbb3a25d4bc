"""Connections that libzmq owns, by their descriptors: it can close none of them by itself, but the kernel can shut one down."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

# struct tcp_info of linux/tcp.h: tcpi_bytes_acked and tcpi_bytes_received (RFC 4898)
_COUNTS = struct.Struct("@120xQQ")
# What we send to a peer that has not finished a CURVE handshake: at most the greeting (64 bytes) and WELCOME (170).
HANDSHAKE = 64 + 170


def inode(fd: int) -> int:
    """What tells a descriptor from a later one with the same number; 0 if it is closed."""
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return 0


def shut(fd: int, of: int) -> bool:
    """Shut a connection down. libzmq owns the descriptor and closes it; a number that is used again is left alone.

    Args:
        of: its inode.

    Returns:
        Whether it was still there.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(fd)) as peer:
        if os.fstat(peer.fileno()).st_ino == of:
            peer.shutdown(socket.SHUT_RDWR)
            return True
    return False


def end(fd: int) -> bool:
    """Shut the connection down that has this descriptor now; below 0 there is none."""
    return fd >= 0 and shut(fd, inode(fd))


def let_in(fd: int, of: int) -> bool:
    """Whether the peer of a tcp connection has finished its handshake: only then we send more than the steps of one."""
    return _counts(fd, of)[0] > HANDSHAKE


def received(fd: int, of: int) -> int:
    """Bytes that have come by a tcp connection; 0 if it has ended."""
    return _counts(fd, of)[1]


def _counts(fd: int, of: int) -> tuple[int, int]:
    """Bytes sent and acknowledged, and bytes received."""
    with suppress(OSError, struct.error), socket.socket(fileno=os.dup(fd)) as peer:
        if os.fstat(peer.fileno()).st_ino == of:
            sent, received = _COUNTS.unpack(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _COUNTS.size))
            return sent, received
    return 0, 0
