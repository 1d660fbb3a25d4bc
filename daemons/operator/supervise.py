"""Start, query and stop the supervised daemons of a run. supervisord supervises them; this module controls supervisord."""

from __future__ import annotations

import ctypes
import errno
import http.client
import json
import os
import shutil
import signal
import socket as sockets_of_python
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import tapewire
from tapewire.bus import access, contexts, disk, private
from tapewire.bus.client import request_control
from tapewire.bus.errors import ConfError, JournalError, PeerError, Transient
from tapewire.daemons import makers
from tapewire.daemons.operator import holders, instances
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.shell import limits

if TYPE_CHECKING:
    from _typeshed import SizedBuffer

    from tapewire.daemons.settings.structs import Conf

DAEMONS = makers.NAMES
"""The daemons that every run has."""
START_S = 60.0  # of a machine that is busy with something else; a daemon that has ended is told at once
STOP_S = 20.0
LOOK_S = 3.0  # a supervisord that does not say what runs within this time is shown as one that does not reply
PR_SET_PDEATHSIG = 1
SOCKET = "supervisord.sock"
OVERSEER = "tapewire.daemons.operator.overseer"
FULL_BYTES = 1 << 16  # with less room a log may lack its last line
FINAL = (0, ConfError.status, JournalError.status)  # exit statuses after which supervisord.conf lets a daemon stay down
AGAIN = "they are free again by now, so repeat the command"


def conf_file() -> Path:
    """The path of this installation's supervisord.conf, beside the package's `__init__.py`.

    Raises:
        ConfError: it is missing.
    """
    path = Path(tapewire.__file__).with_name("supervisord.conf").resolve()
    if not path.is_file():
        raise ConfError(f"supervisord.conf is missing (looked at {path}); reinstall tapewire")
    return path


def start(conf: Conf, run_dir: Path, kind: str, *, attached: bool) -> tuple[Instance, subprocess.Popen[bytes]]:
    """Start supervisord and its daemons for a run whose run.json is written.

    Args:
        attached: supervisord ends with this process (a replay); otherwise it outlives it (`tapewire up`).

    Returns:
        The registered run, and supervisord as our child process: wait for it after `stop`, or it stays a zombie until we end.

    Raises:
        Transient: supervisord did not start; the text names the log to read. ConfError: what a daemon needs is not installed.
    """
    makers.check(conf)
    if conf.api.enabled and not port_free(conf.api.host, conf.api.port):
        held = holders.of_ports(conf.api.host, [conf.api.port])
        raise Transient(f"the port of the api is in use: {held or AGAIN}; set port in [api], or --api of `tapewire replay`")
    run_dir = run_dir.resolve()
    private.folder(run_dir / "logs")
    socket = access.prepare(run_dir) / SOCKET
    environment = {
        **os.environ,
        "TAPEWIRE_RUN": str(run_dir),
        "TAPEWIRE_SOCKET": str(socket),
        "TAPEWIRE_PYTHON": sys.executable,
        **{f"TAPEWIRE_{name.upper()}": str(name in makers.names(conf)).lower() for name in makers.CLIENTS},
    }
    command = [sys.executable, "-P", "-W", "ignore", "-m", OVERSEER, "-c", str(conf_file())]
    if (conf.bus.host, conf.bus.base_port) not in _claims and not claim(conf.bus.host, conf.bus.base_port):
        raise Transient(
            f"ports in use: {in_use(conf.bus.host, conf.bus.base_port) or AGAIN}; `tapewire status` names the runs that are up"
        )
    with disk.writing(run_dir / "logs"):
        log = (run_dir / "logs" / "start.log").open("wb")
    try:
        process = subprocess.Popen(
            [*command, "--nodaemon"],
            env=environment,
            cwd=run_dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=private.MASK,
            pass_fds=(_claims[conf.bus.host, conf.bus.base_port].fileno(),),
            preexec_fn=_die_with_parent if attached else None,
        )
    finally:
        log.close()
    instance = Instance(conf.instance, kind, str(run_dir), conf.bus.host, conf.bus.base_port, process.pid, str(socket))
    try:
        _wait(lambda: socket.exists() or process.poll() is not None, START_S)
        if process.poll() is not None or not socket.exists():
            raise Transient(f"supervisord did not start; see {run_dir / 'logs' / 'start.log'}")
        instances.register(instance)
    except BaseException:  # Ctrl-C, or a disk that refuses
        process.terminate()
        process.wait()
        access.tidy(run_dir)
        raise
    return instance, process


def wait_ready(instance: Instance, tick: Callable[[Sequence[str]], None] = lambda _: None) -> None:
    """Wait until every daemon reports ready.

    Args:
        tick: called again and again with the daemons that are still waited for.

    Raises:
        JournalError, ConfError: one has ended, and why. Transient: one is not ready within START_S.
    """
    _wait_ready(instance, list(names(instance)), tick)
    instances.register(msgspec.structs.replace(instance, ready=True))


def _wait_ready(instance: Instance, waiting: list[str], tick: Callable[[Sequence[str]], None]) -> None:
    reader = access.local(Path(instance.run), "reader")
    until = time.monotonic() + START_S
    with contexts.brief() as context:
        while waiting:
            tick(waiting)
            try:
                report = request_control(context, reader.to(f"control.{waiting[0]}"), "ping", timeout_s=0.5)
                ours = {each["name"]: each["pid"] for each in processes(instance)}
                if report["note"] == "ready" and report["pid"] == ours[waiting[0]]:
                    waiting.pop(0)
            except (Transient, PeerError, OSError):
                check(instance, waiting)
                if not instances.alive(instance.pid):
                    raise Transient(f"supervisord has ended; see {Path(instance.run) / 'logs' / 'start.log'}") from None
                if time.monotonic() > until:
                    why = last_error(instance, waiting[0])
                    raise Transient(f"{waiting[0]} did not become ready within {START_S:g} s{why}") from None


def check(instance: Instance, names: Sequence[str]) -> None:
    """Whether supervisord has one of these daemons running, or will start it again.

    Raises:
        JournalError, ConfError, Transient: by the status with which one has ended, with the last error in its log.
    """
    with suppress(OSError, xmlrpc.client.Fault):
        for each in processes(instance):
            if each["name"] in names and each["statename"] == "EXITED" and each["exitstatus"] in FINAL:
                error = {error.status: error for error in (JournalError, ConfError)}.get(each["exitstatus"], Transient)
                raise error(f"{each['name']} has ended with status {each['exitstatus']}{last_error(instance, each['name'])}")


def last_error(instance: Instance, name: str) -> str:
    """The last error in a daemon's log, or where that lies: the end of a sentence."""
    log = Path(instance.run) / "logs" / f"{name}.log"
    with suppress(OSError):
        for line in reversed(log.read_text("utf-8", "replace").splitlines()[-50:]):
            with suppress(ValueError):
                if error := json.loads(line).get("error"):
                    return f": {error}"
    if shutil.disk_usage(instance.run).free < FULL_BYTES:
        return f": {disk.refused(log, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))}"
    return f"; see {log}"


def processes(instance: Instance) -> list[dict[str, Any]]:
    """Each daemon's process as supervisord reports it: name, statename, pid, start (seconds since 1970).

    Without supervisord, what it left behind, as ORPHANED; of one that does not reply, what lives, as UNKNOWN.
    """
    state = "UNKNOWN" if instances.alive(instance.pid) else "ORPHANED"
    try:
        with remote(instance, LOOK_S) as rpc:
            found: Any = rpc.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Fault, http.client.HTTPException):
        left = instances.daemons(instance.run)
        return [{"name": name, "statename": state, "pid": left[name], "start": time.time()} for name in makers.ALL if name in left]
    wanted = [each for each in found if each["name"] not in makers.CLIENTS or each["start"]]  # the others were never started
    return sorted(wanted, key=lambda each: makers.ALL.index(each["name"]) if each["name"] in makers.ALL else 99)


def names(instance: Instance) -> tuple[str, ...]:
    """The daemons of a run, in the order in which they start."""
    from tapewire.daemons.settings import load as configuration  # here: `status` and `down` need no settings

    return makers.names(configuration.read(Path(instance.run)))


def restart(instance: Instance, name: str) -> None:
    """Stop one daemon in order, start it again, and wait until it is ready.

    Raises:
        Transient: it is not ready within START_S, or supervisord does not reply.
    """
    try:
        with remote(instance) as rpc:
            with suppress(xmlrpc.client.Fault):  # it does not run
                rpc.supervisor.stopProcess(name)
            rpc.supervisor.startProcess(name)
    except (OSError, xmlrpc.client.Fault) as error:
        raise Transient(f"supervisord has not restarted {name} ({error}); `tapewire status` shows what runs") from error
    _wait_ready(instance, [name], lambda _: None)


def stop(instance: Instance) -> None:
    """Stop all daemons and supervisord itself, and leave no process, socket or registry file behind.

    Raises:
        Transient: supervisord, or a daemon that it left behind, did not end within STOP_S and was killed.
    """
    with suppress(OSError, xmlrpc.client.Fault), remote(instance) as rpc:
        for name in reversed(makers.ALL):  # one by one, as `shutdown` does, but that checks only once a second
            with suppress(xmlrpc.client.Fault):  # this daemon does not run
                rpc.supervisor.stopProcess(name)
        rpc.supervisor.shutdown()
    killed = [] if _wait(lambda: not instances.alive(instance.pid), STOP_S) else [("supervisord", instance.pid)]
    for pid in instances.daemons(instance.run).values():  # supervisord died alone
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    if not _wait(lambda: not instances.daemons(instance.run), STOP_S):
        killed += instances.daemons(instance.run).items()
    for _, pid in killed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    access.tidy(Path(instance.run))
    instances.forget(instance.name)
    release(instance.host, instance.base_port)
    if killed:
        names = ", ".join(f"{name} {pid}" for name, pid in killed)
        raise Transient(f"did not stop within {STOP_S:g} s and was killed: {names}; see {instance.run}/logs")


def free_base_port(host: str, wanted: int) -> int:
    """Claim the block of ports from `wanted` on, or the next block whose ports are all free. Returns its first port.

    Two runs that start at the same moment find the same block free. If both used it, the daemons of one would connect to the
    broker of the other. So a block is claimed before its ports are tried. The claim lasts until `stop`, or until both this process
    and its supervisord have ended.

    Raises:
        ConfError: the host is none of this machine. Transient: no block is free.
    """
    from tapewire.daemons.settings.structs import PORT_BLOCK

    with sockets_of_python.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise ConfError(
                f"[bus] host = {host!r} is no address of this machine ({error.strerror}); write 127.0.0.1, or the one at which "
                "NinjaTrader reaches it"
            ) from None
    for base in range(wanted, wanted + 200 * PORT_BLOCK, PORT_BLOCK):
        if claim(host, base):
            if not taken(host, base):
                return base
            release(host, base)
    raise Transient(f"no free block of ports from {wanted} on {host}; {in_use(host, wanted)}")


def taken(host: str, base: int) -> list[int]:
    """The ports of a block that this process could not bind now."""
    from tapewire.daemons.settings.structs import PORTS

    return [base + offset for offset in PORTS.values() if not port_free(host, base + offset)]


def in_use(host: str, base: int) -> str:
    """Who holds ports of a block, or claims it, for a person. Empty if nobody does any more."""
    if ports := taken(host, base):
        return holders.of_ports(host, ports)
    from tapewire.daemons.settings.structs import PORTS

    holder = holders.of_name(_claim_name(host, base))
    return holder and f"{base} to {base + max(PORTS.values())} claimed by {holder}"


_claims: dict[tuple[str, int], sockets_of_python.socket] = {}


def claim(host: str, base: int) -> bool:
    """Claim a block of ports on this machine; False if it is claimed already. The kernel drops a claim with its last holder."""
    if (host, base) in _claims:
        return False
    guard = sockets_of_python.socket(sockets_of_python.AF_UNIX)
    try:
        guard.bind(f"\0{_claim_name(host, base)}")  # a name without a file (Linux)
    except OSError:
        guard.close()
        return False
    guard.set_inheritable(True)
    _claims[host, base] = guard
    return True


def _claim_name(host: str, base: int) -> str:
    return f"tapewire-{host}-{base}"


def release(host: str, base: int) -> None:
    """Release this process's claim of a block. supervisord's inherited copy ends with supervisord."""
    guard = _claims.pop((host, base), None)
    if guard is not None:
        guard.close()


def release_all() -> None:
    """Release every claim of this process."""
    for host, base in tuple(_claims):
        release(host, base)


def port_free(host: str, port: int) -> bool:
    """Whether this process could bind the port now."""
    family = sockets_of_python.AF_INET6 if ":" in host else sockets_of_python.AF_INET
    with sockets_of_python.socket(family) as probe:
        probe.setsockopt(sockets_of_python.SOL_SOCKET, sockets_of_python.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class _OnSocket(http.client.HTTPConnection):
    """A connection over a unix socket. It waits for a reply for `patience_s` at most."""

    def __init__(self, path: str, patience_s: float) -> None:
        super().__init__("localhost", timeout=patience_s)
        self._path = path

    def connect(self) -> None:
        self.sock = sockets_of_python.socket(sockets_of_python.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    """Python's own, over a unix socket. supervisor's client would import most of supervisor with it: 40 ms of a command."""

    def __init__(self, path: str, patience_s: float) -> None:
        super().__init__()
        self._path, self._patience_s = path, patience_s

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> http.client.HTTPConnection:
        kept = self._connection[1]
        if kept is None:
            kept = _OnSocket(self._path, self._patience_s)
            self._connection = host, kept
        return kept

    def request(
        self, host: tuple[str, dict[str, str]] | str, handler: str, request_body: SizedBuffer, verbose: bool = False
    ) -> tuple[xmlrpc.client._Marshallable, ...]:
        """Once: Python's asks a second time where a reply was lost, and the first request may have been carried out."""
        return self.single_request(host, handler, request_body, verbose)


def remote(instance: Instance, patience_s: float = STOP_S) -> xmlrpc.client.ServerProxy:
    """supervisord's own interface, on its unix socket. A call that is not answered in time raises TimeoutError, an OSError."""
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=_Transport(instance.socket, patience_s))


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(limits.PR_SET_PDEATHSIG, signal.SIGTERM)
