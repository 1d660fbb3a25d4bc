"""Starting, asking and stopping the supervised daemons of a run. supervisord does the supervising; this talks to it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import socket as sockets_of_python
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import zmq
from supervisor.xmlrpc import SupervisorTransport

import tapewire
from tapewire.bus.client import ask_control
from tapewire.bus.errors import ConfError, PeerError, Transient
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings.structs import PORT_SPAN, Conf

DAEMONS = ("broker", "logger", "publisher", "gate", "tracker", "evaluator")
START_S = 30.0
STOP_S = 20.0
PR_SET_PDEATHSIG = 1


def conf_file() -> Path:
    """supervisord.conf of this installation. It lies beside the package's own `__init__.py`."""
    path = Path(tapewire.__file__).with_name("supervisord.conf").resolve()
    if not path.is_file():
        raise ConfError(f"supervisord.conf is missing (looked at {path}); reinstall tapewire")
    return path


def start(conf: Conf, run_dir: Path, kind: str, *, attached: bool) -> tuple[Instance, subprocess.Popen[bytes]]:
    """Start supervisord and its daemons for a run whose run.json is written.

    Args:
        attached: supervisord dies with this process (a replay); otherwise it goes on by itself (`tapewire up`).

    Returns:
        The registered run, and supervisord as our child: wait for it after `stop`, or it stays a zombie while we live.

    Raises:
        Transient: it did not come up; the text names the log to read.
    """
    run_dir = run_dir.resolve()
    (run_dir / "logs").mkdir(parents=True, exist_ok=True)
    socket = socket_path(run_dir)
    environment = {
        **os.environ,
        "TAPEWIRE_RUN": str(run_dir),
        "TAPEWIRE_SOCKET": str(socket),
        "TAPEWIRE_PYTHON": sys.executable,
    }
    command = [sys.executable, "-P", "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(conf_file())]
    if (conf.bus.host, conf.bus.base_port) not in _claims and not claim(conf.bus.host, conf.bus.base_port):
        raise Transient(f"another run has claimed the ports from {conf.bus.base_port} on; `tapewire status` names it")
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
            pass_fds=(_claims[conf.bus.host, conf.bus.base_port].fileno(),),
            preexec_fn=_die_with_parent if attached else None,
        )
    finally:
        log.close()
    instance = Instance(conf.instance, kind, str(run_dir), conf.bus.host, conf.bus.base_port, process.pid, str(socket))
    _wait(lambda: socket.exists() or process.poll() is not None, START_S)
    if process.poll() is not None or not socket.exists():
        raise Transient(f"supervisord did not start; see {run_dir / 'logs' / 'start.log'}")
    instances.register(instance)
    return instance, process


def wait_ready(conf: Conf, instance: Instance, tick: Callable[[str], None] = lambda _: None) -> None:
    """Wait until every daemon says that it is ready. `tick` is told whom we wait for."""
    waiting = list(DAEMONS)
    until = time.monotonic() + START_S
    with zmq.Context() as context:
        while waiting:
            tick(waiting[0])
            try:
                answer = ask_control(context, conf.bus.address(f"control.{waiting[0]}"), "ping", timeout_s=0.5)
                ours = {each["name"]: each["pid"] for each in processes(instance)}
                if answer["note"] == "ready" and answer["pid"] == ours[waiting[0]]:
                    waiting.pop(0)
            except (Transient, PeerError, OSError):
                if time.monotonic() > until or not instances.alive(instance.pid):
                    log = Path(instance.run) / "logs" / f"{waiting[0]}.log"
                    raise Transient(f"{waiting[0]} did not become ready within {START_S:g} s; see {log}") from None


def processes(instance: Instance) -> list[dict[str, Any]]:
    """What supervisord knows: name, statename, pid, start (seconds since 1970), description of each daemon."""
    with _rpc(instance) as rpc:
        answer: Any = rpc.supervisor.getAllProcessInfo()
    return sorted(answer, key=lambda each: DAEMONS.index(each["name"]) if each["name"] in DAEMONS else 99)


def stop(instance: Instance) -> None:
    """Stop all daemons and supervisord itself, and leave no process, socket or registry file behind.

    Raises:
        Transient: something is still there after the time allowed.
    """
    with suppress(OSError, xmlrpc.client.Fault), _rpc(instance) as rpc:
        for name in reversed(DAEMONS):  # one by one, as `shutdown` would; but that looks only once a second
            with suppress(xmlrpc.client.Fault):  # it does not run
                rpc.supervisor.stopProcess(name)
        rpc.supervisor.shutdown()
    if not _wait(lambda: not instances.alive(instance.pid), STOP_S):
        with suppress(ProcessLookupError):
            os.kill(instance.pid, signal.SIGKILL)
        raise Transient(f"supervisord {instance.pid} did not stop within {STOP_S:g} s and was killed; see {instance.run}/logs")
    Path(instance.socket).unlink(missing_ok=True)
    instances.forget(instance.name)
    release(instance.host, instance.base_port)


def socket_path(run_dir: Path) -> Path:
    """A short path that belongs to this run alone."""
    digest = hashlib.sha256(str(run_dir).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tapewire-{digest}.sock"


def free_base_port(host: str, wanted: int) -> int:
    """`wanted`, if all the ports from there on are free, else the next block that is. It is ours from now on.

    Two runs that start at the same moment both find a block free; if both took it, one's daemons would talk to the other's
    broker. So a block is claimed first. The claim is held until `stop`, or as long as this process and its supervisord live.
    """
    for base in range(wanted, wanted + 20_000, 100):
        if claim(host, base):
            if all(port_free(host, base + offset) for offset in range(PORT_SPAN)):
                return base
            release(host, base)
    raise Transient(f"no free block of {PORT_SPAN} ports from {wanted} on {host}")


_claims: dict[tuple[str, int], sockets_of_python.socket] = {}


def claim(host: str, base: int) -> bool:
    """Claim a block of ports on this machine; False if another run has. The kernel forgets it with its last holder."""
    if (host, base) in _claims:
        return False
    guard = sockets_of_python.socket(sockets_of_python.AF_UNIX)
    try:
        guard.bind(f"\0tapewire-{host}-{base}")  # a name without a file (Linux)
    except OSError:
        guard.close()
        return False
    guard.set_inheritable(True)
    _claims[host, base] = guard
    return True


def release(host: str, base: int) -> None:
    """Give a claimed block back; what supervisord inherited of the claim ends with it."""
    guard = _claims.pop((host, base), None)
    if guard is not None:
        guard.close()


def release_all() -> None:
    """Give back every block that this process has claimed and started nothing on."""
    for host, base in tuple(_claims):
        release(host, base)


def port_free(host: str, port: int) -> bool:
    """Whether we could bind there now."""
    with sockets_of_python.socket() as probe:
        probe.setsockopt(sockets_of_python.SOL_SOCKET, sockets_of_python.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _rpc(instance: Instance) -> xmlrpc.client.ServerProxy:
    transport = SupervisorTransport(serverurl=f"unix://{instance.socket}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
