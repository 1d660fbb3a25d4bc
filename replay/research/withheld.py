"""A fold that cannot see the future: another process that gets one bar at a time.

It starts fresh, has the configuration but not the recording, and gets the next bar only after it has returned its decisions on the
one before. So its decisions on a bar are those of a recording that ends there: a cut after every bar for the price of one run.
Nothing through which the first process could reach later bars (a shared list, a global, a frame of the caller) exists here. In
addition, replay/research/watch.py records what plug-ins read elsewhere.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError, TapewireError
from tapewire.bus.messages import Bar, Gap, GivenLevels
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research.apart import Apart
from tapewire.replay.research.fold import BarResult, Fold
from tapewire.replay.research.watch import PlugInWatch, Use
from tapewire.replay.sources.recording import Input
from tapewire.strategies import registry

PATIENCE_S = 10.0


class Decided(Struct, frozen=True, array_like=True, tag=True):
    """The decisions on one bar, and what plug-ins used since the bar before."""

    step: BarResult
    uses: tuple[Use, ...]


class Broken(Struct, frozen=True, array_like=True, tag=True):
    """The process cannot fold: why, in one line."""

    why: str


_answers: msgspec.msgpack.Decoder[Decided | Broken] = msgspec.msgpack.Decoder(Decided | Broken)
_inputs: msgspec.msgpack.Decoder[Input] = msgspec.msgpack.Decoder(Bar | Gap | GivenLevels)
_encode = msgspec.msgpack.Encoder().encode


def steps(conf: Conf, inputs: Iterable[Input], features: Sequence[str] = ()) -> Iterator[Decided]:
    """The other process's decisions on each bar. It has no answer to what is told beside bars.

    Raises:
        ConfError: it cannot build the strategies, or it ended in the middle.
    """
    context = Apart()
    here, there = context.Pipe()
    process = context.Process(
        target=_serve, args=(there, msgspec.json.encode(conf), tuple(features)), name="tapewire-withheld", daemon=True
    )
    process.start()
    there.close()
    try:
        for each in inputs:
            try:
                here.send_bytes(_encode(each))
                if not isinstance(each, Bar):
                    continue
                answer = _answers.decode(here.recv_bytes())
            except (EOFError, OSError) as error:
                process.join(PATIENCE_S)
                raise ConfError(
                    f"the process that folds bar by bar ended with status {process.exitcode}; a strategy may have ended it: "
                    "try them one by one with --strategies"
                ) from error
            if isinstance(answer, Broken):
                raise ConfError(f"the strategies cannot be folded in a process of their own: {answer.why}")
            yield answer
    finally:
        here.close()
        process.join(PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _serve(connection: Connection, configuration: bytes, features: tuple[str, ...]) -> None:
    """The other process: a fold over the bars that come in, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the other side, and with it this one
    conf = msgspec.json.decode(configuration, type=Conf)
    watch = PlugInWatch(registry.packages(conf.preset.strategies))
    watch.install()
    try:
        fold = Fold(conf, features)
    except TapewireError as error:
        connection.recv_bytes()
        connection.send_bytes(_encode(Broken(str(error))))
        return
    while True:
        try:
            given = _inputs.decode(connection.recv_bytes())
        except EOFError:
            return
        if not isinstance(given, Bar):
            fold.told(given)
            continue
        watch.deciding = True
        step = fold.bar(given)
        watch.deciding = False
        connection.send_bytes(_encode(Decided(step, tuple(watch.new()))))
