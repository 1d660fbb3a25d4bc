"""Which daemons exist and how each is made: the one list that the command line, the supervisor and a new epoch go by.

Modules are named and not imported, because a process loads only its own daemon: it starts in half the time.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tapewire.bus.errors import ConfError

if TYPE_CHECKING:
    from tapewire.daemons.settings.structs import Conf
    from tapewire.daemons.shell.epochs import Make

# Each module has `daemon(conf)`, the daemon as a value. In the order in which they start.
CORES = {
    "publisher": "tapewire.daemons.publisher.process",
    "gate": "tapewire.daemons.gate.core",
    "tracker": "tapewire.daemons.tracker.core",
    "evaluator": "tapewire.daemons.evaluation",
}
# They stop in reverse: the daybook reads what the logger has written last.
NAMES = ("broker", "daybook", "logger", *CORES)
# Clients of the bus, each of which a run has if its settings enable it. They start last, and no other daemon waits for them.
CLIENTS = ("api", "alerts")
ALL = (*NAMES, *CLIENTS)


EXTRAS = {"api": ("fastapi", "uvicorn", "httptools", "uvloop", "websockets", "prometheus_client")}
"""What each of them needs that is installed with its extra."""


def check(conf: Conf) -> None:
    """Whether what the daemons of a run need is installed, and the files of TLS are.

    Raises:
        ConfError: it is not; the text has the remedy.
    """
    for name in names(conf):
        missing = [each for each in EXTRAS.get(name, ()) if importlib.util.find_spec(each) is None]
        if missing:
            raise ConfError(
                f"the daemon {name} needs {', '.join(missing)}: pip install 'tapewire[{name}]', or set enabled = false in [{name}]"
            )
    if conf.api.enabled and conf.api.certificate:
        _check_tls(conf.api.certificate, conf.api.private_key)


def _check_tls(certificate: str, private_key: str) -> None:
    """Raises ConfError for files that are not there, or no certificate with its key."""
    import ssl

    for name, path in (("certificate", certificate), ("private_key", private_key)):
        if not Path(path).is_absolute():
            raise ConfError(f"[api] {name} = {path!r}: write the whole path, as the api works in the run's folder")
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise ConfError(f"[api] {name} = {path!r} cannot be read ({error.strerror}); name a file in PEM") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfError(
            f"[api] certificate = {certificate!r}, private_key = {private_key!r}: no certificate with its key ({error}); "
            "name files in PEM that belong together, the key without a pass phrase"
        ) from None


def names(conf: Conf) -> tuple[str, ...]:
    """The daemons of a run, in the order in which they start."""
    return (*NAMES, *(name for name in CLIENTS if getattr(conf, name).enabled))


def maker(name: str) -> Make:
    """How the daemon of this name is made; a key of CORES."""
    return cast("Make", importlib.import_module(CORES[name]).daemon)


def durable(conf: Conf) -> dict[str, Make]:
    """How each daemon that keeps its own log under these settings is made, by name.

    Raises:
        ConfError: a daemon cannot be made of these settings.
    """
    makers = {name: maker(name) for name in CORES}
    return {name: make for name, make in makers.items() if make(conf).durable is not None}
