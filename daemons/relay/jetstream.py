"""A stream of a NATS server as the output of a relay: each line is a message there, once and in order (PROTOCOL.md 15, "NATS").

    subject     tapewire.premium.signal.MNQ: prefix, and the topic without `public.` and without its last dot. NATS takes a subject
                that ends with a dot, and delivers it to nobody.
    payload     the map of the line, byte for byte
    headers     Tapewire-Number, Tapewire-Previous, Tapewire-Topic: its place in the feed

The last message of the stream says where to go on, and each message names the one that it must follow
(`Nats-Expected-Last-Sequence`). So neither a restart of either side, nor a lost acknowledgement, nor another writer leaves a line
out, doubles it or changes the order. Message ids alone could not do that. They count for a whole stream, and outlive a purge: a
line that is sent again within the server's window (two minutes) is acknowledged, and not stored. Only the flag `duplicate` of the
acknowledgement tells. Such a line is looked for, and sent under another id if it is not there.

NATS speaks asyncio. It has a thread of its own here, which reads the lines from the disk; that is also what holds them while the
server is away.
"""

from __future__ import annotations

import asyncio
import tomllib
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tapewire.bus import feed, private
from tapewire.bus.errors import ConfError, DataError, JournalError, TapewireError
from tapewire.bus.feed import FeedLine
from tapewire.bus.topics import PUBLIC
from tapewire.daemons.relay.process import Relay

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import PubAck, RawStreamMsg

NUMBER, PREVIOUS, TOPIC = "Tapewire-Number", "Tapewire-Previous", "Tapewire-Topic"
WINDOW = 64  # lines that may be under way
TIMEOUT_S = 5.0
CONNECT_S = 10.0
PAUSES_S = (0.5, 1.0, 2.0, 5.0)
SCHEMES = ("nats", "tls", "ws", "wss")
WRONG_LAST = 10071  # the error code of a message that does not follow the one it names

_packed = msgspec.msgpack.Encoder().encode


class NatsLogin(Struct, frozen=True, forbid_unknown_fields=True):
    """Who we are there: user and password, or a token; or neither, with a file of credentials (JWT and key) in its place."""

    user: str = ""
    password: str = ""
    token: str = ""
    creds: str = ""

    def __repr__(self) -> str:
        return "NatsLogin(...)"

    @classmethod
    def read(cls, path: Path | None) -> NatsLogin:
        """From a file that only this user can read.

        Raises:
            ConfError: others can read it, or it holds none of the three. The text names no value.
        """
        if path is None:
            return cls()
        try:
            content = path.read_text("utf-8-sig")
            readable = private.readable(path)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfError(f"--nats-login {path}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
        if readable is not None:
            raise ConfError(f"--nats-login {path}: {private.reason(path)}; run `chmod 600 {path}`")
        if "BEGIN NATS USER JWT" in content:
            return cls(creds=str(path))
        try:
            login = msgspec.convert(tomllib.loads(content), cls)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError):
            login = cls()
        if login.creds or bool(login.user and login.password) == bool(login.token):
            raise ConfError(
                f'--nats-login {path}: write `user = "..."` and `password = "..."`, or `token = "..."`, or name a .creds file'
            )
        return login

    @property
    def options(self) -> dict[str, str]:
        """As the library wants them."""
        if self.creds:
            return {"user_credentials": self.creds}
        return {name: value for name in ("user", "password", "token") if (value := getattr(self, name))}


class NatsPlace(Struct, frozen=True):
    """The server, the stream there, and how its subjects begin."""

    servers: list[str]
    stream: str
    prefix: str
    login: NatsLogin
    keep_days: int


def servers(text: str) -> list[str]:
    """The addresses that a person gives, separated by commas.

    Raises:
        ConfError: one is none, or holds a password: everybody on this machine can read a command's arguments.
    """
    found = [each.strip() for each in text.split(",")]
    for each in found:
        try:
            parts = urlsplit(each)
            right = parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            right = False
        if "@" in each:
            raise ConfError("--nats: leave user, password and token out of the address; put them into a file for --nats-login")
        if not right:
            raise ConfError(f"--nats {each!r}: write an address such as nats://127.0.0.1:4222")
    return found


def subject(prefix: str, topic: str) -> str:
    """Where a line goes."""
    return f"{prefix}.{topic.removeprefix(PUBLIC).removesuffix('.')}"


class Resync(Exception):
    """What was sent did not follow the stream's last message: look again where it stands."""


class Jetstream:
    """Publishes what a relay holds.

    Raises:
        ConfError: nats-py is not installed.
    """

    def __init__(self, relay: Relay, place: NatsPlace) -> None:
        try:
            import nats
        except ImportError:
            raise ConfError("--nats needs nats-py: pip install 'tapewire[nats]'") from None
        self._connect = nats.connect
        self._held = relay.held
        self._logger = relay.logger
        self._place = place
        self._number = 0  # of the last line there
        self._digest = ""
        self._link = "not there yet"
        self._was_there = False
        self._fault: TapewireError | None = None
        self._again = ""  # makes ids of lines new that were stored once and are gone
        self._stopping = Event()
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()
        self._thread = Thread(target=self._run, name="nats", daemon=True)
        self._thread.start()

    # --- for the relay --------------------------------------------------------------------------------------------------------

    def send(self, lines: list[FeedLine], *, filling: bool) -> None:
        """There are new lines on the disk."""
        self._wake()

    def watch(self) -> None:
        """Once a second. Raises TapewireError: the stream there is not ours, or the server does not let us in from the start."""
        if self._fault is not None:
            raise self._fault
        self._wake()

    def shown(self) -> dict[str, Any]:
        """Where the stream there stands."""
        return {"nats": {"link": self._link, "stream": self._place.stream, "number": self._number}}

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._wake()
        self._thread.join(CONNECT_S)

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    # --- the thread -----------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        from nats.errors import Error

        fails = 0
        while not self._stopping.is_set():
            try:
                await self._session()
            except Resync:
                fails = min(fails, 1)  # at once, but not for ever: another writer would be there
            except TapewireError as error:
                self._fault = error
                return
            except (TimeoutError, Error, OSError) as error:
                self._lost(error)
            if self._stopping.is_set():
                return
            await self._pause(PAUSES_S[min(fails, len(PAUSES_S) - 1)])
            fails = fails + 1 if self._link != "there" else 0

    async def _pause(self, seconds: float) -> None:
        until = self._loop.time() + seconds
        while not self._stopping.is_set() and (left := until - self._loop.time()) > 0:
            await self._wait(left)

    async def _wait(self, seconds: float) -> None:
        """Until something is new, or so long."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return
        self._news.clear()

    def _lost(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if not self._was_there and "authorization" in text.lower():
            self._fault = ConfError("--nats: the server does not let us in; --nats-login names the file of a user who may")
            self._stopping.set()
        if self._link != text:
            self._logger.error("nats_lost", why=text, number=self._number)
        self._link = text

    async def _session(self) -> None:
        """From a connection to its end."""

        async def quiet(error: Exception) -> None:
            """What matters is raised where it happens."""

        client = await asyncio.wait_for(
            self._connect(
                self._place.servers,
                name="tapewire relay",
                allow_reconnect=False,
                max_reconnect_attempts=1,
                connect_timeout=int(TIMEOUT_S),
                error_cb=quiet,
                **self._place.login.options,
            ),
            CONNECT_S,
        )
        try:
            stream = client.jetstream(timeout=TIMEOUT_S)
            sequence = await self._position(stream)
            self._logger.info("nats_there", stream=self._place.stream, number=self._number)
            self._link, self._was_there = "there", True
            while not self._stopping.is_set() and client.is_connected:
                lines = self._held.after(self._number, WINDOW)
                if lines:
                    sequence = await self._publish(stream, lines, sequence)
                else:
                    await self._wait(TIMEOUT_S)
                await self._say(client)
            if not self._stopping.is_set():
                raise ConnectionResetError("the connection has ended")
        finally:
            await client.close()

    async def _say(self, client: Client) -> None:
        """Say where the stream stands; no stream keeps it."""
        state = {**self._held.state(), "number": self._number}
        await client.publish(f"{self._place.prefix}-state", _packed(state))

    # --- where to go on -------------------------------------------------------------------------------------------------------

    async def _position(self, stream: JetStreamContext) -> Any:
        """Take the number of the last line there. Returns the sequence that the stream has given last.

        Raises:
            ConfError: the stream has other subjects. JournalError: it holds another feed.
        """
        from nats.js.errors import NotFoundError, ServiceUnavailableError

        subjects = f"{self._place.prefix}.>"
        try:
            info = await stream.stream_info(self._place.stream)
        except NotFoundError:
            info = await stream.add_stream(name=self._place.stream, subjects=[subjects], max_age=self._place.keep_days * 86_400)
        except ServiceUnavailableError:
            if self._was_there:
                raise
            raise ConfError("--nats: the server has no JetStream; start it with `-js`, or with a jetstream block") from None
        if info.config.subjects != [subjects]:
            raise ConfError(
                f"--nats-stream {self._place.stream}: it takes {', '.join(info.config.subjects or [])}, and must take {subjects} "
                "alone: message ids and their order count for a whole stream; name another"
            )
        self._number, self._digest = 0, ""
        if info.state.messages:
            await self._same(stream, await stream.get_last_msg(self._place.stream, subjects))
        return info.state.last_seq

    async def _same(self, stream: JetStreamContext, last: RawStreamMsg) -> None:
        """Take the number of the stream's last message, if it is of our feed.

        Raises:
            JournalError: it is not.
        """
        from nats.js.errors import NotFoundError

        line = self._line(last)
        here = self._held.number
        if here >= line.number:
            self._compare(line)
        elif here and self._held.dense:  # the rest is still to come; if it is ours
            with suppress(NotFoundError):  # the stream keeps it no more
                self._compare(self._line(await stream.get_msg(self._place.stream, last.seq - (line.number - here))))
        self._number, self._digest = line.number, line.digest.hex()

    def _line(self, message: RawStreamMsg) -> FeedLine:
        """The line of a message. Raises JournalError: it is none."""
        headers = message.headers or {}
        try:
            return feed.right(FeedLine(int(headers[NUMBER]), headers[TOPIC], headers[PREVIOUS], message.data or b""))
        except (KeyError, ValueError, DataError):
            raise self._other(f"its message {message.seq} is no line of a feed") from None

    def _compare(self, theirs: FeedLine) -> None:
        ours = self._held.after(theirs.number - 1, 1)
        if ours and ours[0].number == theirs.number and ours[0] != theirs:
            raise self._other(f"number {theirs.number} is not the same")

    def _other(self, why: str) -> JournalError:
        return JournalError(
            f"the stream {self._place.stream} holds another feed: {why}; purge it, or name another with --nats-stream"
        )

    # --- publishing -----------------------------------------------------------------------------------------------------------

    async def _publish(self, stream: JetStreamContext, lines: list[FeedLine], sequence: int) -> int:
        """Publish lines that follow. Returns the sequence of the last one.

        Raises:
            Resync: another message came between, or one was taken for a duplicate.
        """
        from nats.js.errors import APIError

        self._follows(lines[0])
        results = await asyncio.gather(
            *(self._one(stream, line, sequence + at) for at, line in enumerate(lines)), return_exceptions=True
        )
        for line, result in zip(lines, results, strict=True):
            if isinstance(result, APIError) and result.err_code == WRONG_LAST:
                self._logger.warning("nats_order", number=line.number, why=str(result))
                raise Resync
            if isinstance(result, BaseException):
                raise result
            if result.duplicate and not await self._stored(stream, line, result):
                self._again = f"-again-{result.seq}-{self._again.count('again') + 1}"
                self._logger.warning("nats_repeated", number=line.number, text="its id was known and it was not stored; sent again")
                raise Resync
            self._number, self._digest, sequence = line.number, line.digest.hex(), result.seq
        return sequence

    def _follows(self, line: FeedLine) -> None:
        """Raises JournalError: a line does not follow the last one there."""
        if not self._held.dense or not self._number or line.previous == self._digest:
            return
        if line.number == self._number + 1:
            raise self._other(f"number {line.number} here does not follow {self._number} there")
        raise JournalError(
            f"the stream {self._place.stream} ends with number {self._number}, and the relay has {line.number} next: what lies "
            "between is gone; purge the stream, or name another with --nats-stream"
        )

    def _one(self, stream: JetStreamContext, line: FeedLine, after: int) -> Any:
        headers = {
            "Nats-Msg-Id": f"{self._place.prefix}-{line.number}-{line.digest.hex()[:16]}{self._again}",
            "Nats-Expected-Last-Sequence": str(after),
            NUMBER: str(line.number),
            PREVIOUS: line.previous,
            TOPIC: line.topic,
        }
        return stream.publish(
            subject(self._place.prefix, line.topic), line.frame, timeout=TIMEOUT_S, stream=self._place.stream, headers=headers
        )

    async def _stored(self, stream: JetStreamContext, line: FeedLine, ack: PubAck) -> bool:
        """Whether the message that an acknowledgement speaks of is there, and is this line."""
        from nats.js.errors import NotFoundError

        try:
            return self._line(await stream.get_msg(self._place.stream, ack.seq)) == line
        except NotFoundError:
            return False
