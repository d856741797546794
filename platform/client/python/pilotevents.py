"""Events of a pilot from Python: numpy in, numpy out. One file; copy it, or put its folder on PYTHONPATH.

    pip install "nats-py[nkeys]" numpy

In a notebook, or anything with an event loop:

    async with pilotevents.connect("DIRECTORY/connection.json") as pilot:
        await pilot.publish("scan.7.frame", frame, headers={"Pilotfish-Part": "dark:0"}, id="7.dark.0")
        await pilot.flush()
        async for event in pilot.read("recon.7.*", start="all", count=4):
            print(event.subject, event.array.shape)

In a script of an instrument, the same without `await`:

    with pilotevents.open() as pilot:          # PILOTFISH_CONNECTION names the file
        pilot.publish("readings.a", b"20.5")
        for event in pilot.read("readings.*", start="all", count=1): ...

What is published is stored once `flush` returns, or it raises. An id makes a second publish of the same event harmless.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import json
import os
import re
import secrets
import ssl
import struct
import threading
import time
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, AsyncIterator, Iterator, Mapping

import nats
import numpy as np
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NoStreamResponseError

__all__ = ["connect", "open", "Pilot", "SyncPilot", "Event", "PilotfishError"]

STREAM = "EVENTS"
PREFIX = "ev."
ROLES = ("source", "viewer")
# Tokens have an account of their own on the streams, and JetStream's questions another name there.
TOKEN_DOMAIN = "pilot"
LOOK_AGAIN_S = 0.1

SHAPE = "Pilotfish-Shape"
DTYPE = "Pilotfish-Dtype"
PACK = "Pilotfish-Pack"

# Names on the wire, little-endian values in C order.
DTYPES = {"u8": "|u1", "u16": "<u2", "u32": "<u4", "i16": "<i2", "i32": "<i4", "f32": "<f4", "f64": "<f8"}
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}

# The bounds of `pilotfish/client`: enough to cover a round trip, and what the broker buffers for one client.
IN_FLIGHT_MAX = 256
BYTES_IN_FLIGHT_MAX = 64 * 2**20
MESSAGE_BYTES_MAX = 16_000_000 - 64 * 2**10
# Sources leave the last tenth of the stream to the outputs of functions, or it could never drain.
SOURCE_SHARE = 0.9
ROOM_POLL_S = 0.25
ROOM_HOLDS_S = 1.0
ACK_WAIT_S = 3.0
REFUSED_S_MAX = 600.0
BACKOFF_S = (0.05, 2.0)


class PilotfishError(Exception):
    """What went wrong, and what to do about it."""


@dataclass(frozen=True)
class Event:
    """An event as the stream has it."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    id: str
    sequence: int
    time: datetime
    # Its place in the pack that the sequence names; None for an event that is a message of its own.
    member: int | None = None

    @property
    def array(self) -> np.ndarray:
        """The values in the shape and type that its headers say. Raises PilotfishError where they do not fit the bytes."""
        name, text = self.headers.get(DTYPE, ""), self.headers.get(SHAPE, "")
        if name not in DTYPES:
            raise PilotfishError(f"{self.subject} has {DTYPE} {name!r}; one of {', '.join(DTYPES)} is needed. Use .data")
        try:
            shape = tuple(int(side) for side in text.split(","))
        except ValueError:
            raise PilotfishError(f"{self.subject} has {SHAPE} {text!r}, which is no shape. Use .data") from None
        dtype = np.dtype(DTYPES[name])
        if min(shape) < 0 or int(np.prod(shape, dtype=object)) * dtype.itemsize != len(self.data):
            raise PilotfishError(f"{self.subject} has {len(self.data)} bytes, which are not {text} of {name}")
        return np.frombuffer(self.data, dtype).reshape(shape)


def _payload(data: Any, headers: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    if isinstance(data, np.ndarray):
        name = NAMES.get(data.dtype.newbyteorder("<"))
        if name is None:
            raise PilotfishError(f"arrays of {data.dtype} cannot be sent; convert to one of {', '.join(DTYPES)}")
        shape = {SHAPE: ",".join(str(side) for side in data.shape), DTYPE: name}
        return np.ascontiguousarray(data, dtype=DTYPES[name]).tobytes(), {**shape, **headers}
    if isinstance(data, str):
        return data.encode(), dict(headers)
    return bytes(data), dict(headers)


def _read_connection(path: str | os.PathLike[str] | None) -> dict[str, Any]:
    path = path or os.environ.get("PILOTFISH_CONNECTION")
    if not path:
        raise PilotfishError("no connection file: give its path, or set PILOTFISH_CONNECTION (`pilotfish pilot list -o wide` shows the folder)")
    try:
        with builtins.open(path, encoding="utf-8") as file:
            connection = json.load(file)
        folder = connection.get("claims", {}).get("directory", "")
        return {"pilot": connection["pilot"], "brokers": connection["brokers"], "seeds": connection["seeds"],
                "ca": connection["tls"]["ca"], "claims": folder, "token": connection.get("token", "")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PilotfishError(f"{path} is no connection file of a pilot: {error!r}") from error


def _check(subject: str, headers: Mapping[str, str], identity: str, size: int) -> None:
    tokens = subject.split(".")
    if not all(tokens) or any(c.isspace() or c in "*>" for c in subject) or not subject.isascii():
        raise PilotfishError(f"{subject!r} is no subject to publish to: tokens joined by dots, without blanks and wildcards")
    for name, value in headers.items():
        if name.lower().startswith("nats-") or not name.isascii() or ":" in name or not name.isprintable() or " " in name:
            raise PilotfishError(f"header {name!r} cannot be sent; names are ASCII and do not begin with Nats-")
        if "\r" in value or "\n" in value:
            raise PilotfishError(f"header {name} has a line break in its value")
    if not 1 <= len(identity) <= 256 or not all("!" <= c <= "~" for c in identity):
        raise PilotfishError(f"{identity!r} is no event id: 1 to 256 printable ASCII characters without blanks")
    if size > MESSAGE_BYTES_MAX:
        raise PilotfishError(f"the event for {subject} has {size} bytes; {MESSAGE_BYTES_MAX} are the most. Send it in pieces")


@dataclass
class Counts:
    sent: int = 0
    stored: int = 0
    sent_again: int = 0


@dataclass
class Pilot:
    """Publishes as `source`, reads as `viewer`: two connections, because neither role may do the other's work."""

    connection: Mapping[str, Any]
    counts: Counts = field(default_factory=Counts)
    _clients: dict[str, Any] = field(default_factory=dict)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _bytes: int = 0
    _failure: Exception | None = None
    _room: float = 0.0
    _asked: float = -1e9
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _member: str = field(default_factory=lambda: secrets.token_hex(8))
    _ids: int = 0

    async def _client(self, role: str) -> Any:
        if role not in self._clients:
            errors: list[Exception] = []

            async def remember(error: Exception) -> None:
                errors.append(error)

            tls: dict[str, Any] = {}
            if any(broker.startswith("tls://") for broker in self.connection["brokers"]):
                # Addresses come and go: the certificate is for the pilot's name.
                context = ssl.create_default_context(cadata=self.connection["ca"])
                tls = {"tls": context, "tls_hostname": f"broker.{self.connection['pilot']}.pilotfish"}
            try:
                self._clients[role] = await nats.connect(
                    self.connection["brokers"],
                    nkeys_seed_str=self.connection["seeds"][role],
                    inbox_prefix=".".join(filter(None, ("_INBOX", role, self.connection["token"], self._member))),
                    name=f"pilotfish-{role}-python",
                    connect_timeout=5,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1 if self._clients else 5,
                    pending_size=2 * BYTES_IN_FLIGHT_MAX,
                    error_cb=remember,
                    **tls,
                )
            except Exception as error:
                why = errors[-1] if errors else error
                raise PilotfishError(f"no broker answers at {', '.join(self.connection['brokers'])}: {why}. Is the pilot up?") from error
        return self._clients[role]

    async def publish(self, subject: str, data: Any, *, headers: Mapping[str, str] | None = None, id: str | None = None) -> None:
        """Sends an event; waits while too many are not acknowledged, or the stream has no room. `flush` says that it is stored."""
        if self._failure:
            raise self._failure
        payload, lines = _payload(data, headers or {})
        identity = id if id is not None else f"{self._member}-{self._ids}"
        self._ids += 1
        _check(subject, lines, identity, len(payload))
        client = await self._client("source")
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure is not None or not self._open or (
                len(self._open) < IN_FLIGHT_MAX and self._bytes + len(payload) <= BYTES_IN_FLIGHT_MAX))
        await self._wait_for_room(client, len(payload))
        if self._failure:
            raise self._failure
        self._bytes += len(payload)
        self.counts.sent += 1
        sending = asyncio.ensure_future(self._send(client, PREFIX + subject, payload, {**lines, "Nats-Msg-Id": identity}))
        self._open.add(sending)
        # Lets it begin, so that events go in the order of their publishing.
        await asyncio.sleep(0)

    async def _send(self, client: Any, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        started, wait = time.monotonic(), BACKOFF_S[0]
        try:
            while True:
                try:
                    await client.jetstream(timeout=ACK_WAIT_S).publish(subject, payload, headers=headers, stream=STREAM)
                    self.counts.stored += 1
                    return
                except (APIError, NoStreamResponseError, asyncio.TimeoutError, nats.errors.Error) as error:
                    # Refused for good: over the stream's largest message, or not allowed.
                    code = getattr(error, "err_code", None)
                    if code == 10054 or client.is_closed or time.monotonic() - started > REFUSED_S_MAX:
                        self._failure = PilotfishError(f"an event for {subject[len(PREFIX):]} could not be stored: {error!r}")
                        return
                self.counts.sent_again += 1
                await asyncio.sleep(wait)
                wait = min(2 * wait, BACKOFF_S[1])
        finally:
            self._bytes -= len(payload)
            self._open.discard(asyncio.current_task())  # type: ignore[arg-type]
            async with self._changed:
                self._changed.notify_all()

    async def _wait_for_room(self, client: Any, size: int) -> None:
        started = time.monotonic()
        while True:
            now = time.monotonic()
            if self._room < size or now - self._asked > ROOM_HOLDS_S:
                self._room, self._asked = await self._read_room(client), now
            if self._room >= size:
                self._room -= size
                return
            if now - started > REFUSED_S_MAX:
                raise PilotfishError(f"the stream of events has had no room for {REFUSED_S_MAX / 60:.0f} min. Is a function deployed that takes them?")
            await asyncio.sleep(ROOM_POLL_S)

    async def _read_room(self, client: Any) -> float:
        try:
            info = await self._jetstream(client, timeout=2).stream_info(STREAM)
        except (APIError, asyncio.TimeoutError, nats.errors.Error):
            # The stream itself then refuses what is too much.
            return float("inf")
        if not info.config.max_bytes or info.config.max_bytes < 0:
            return float("inf")
        # Several sources see the same room: each takes a quarter of it before it asks again, but one event always fits.
        room = SOURCE_SHARE * info.config.max_bytes - info.state.bytes
        return max(0.0, min(room, max(room / 4, MESSAGE_BYTES_MAX)))

    def _jetstream(self, client: Any, timeout: float = 5) -> Any:
        return client.jetstream(timeout=timeout, domain=TOKEN_DOMAIN if self.connection["token"] else None)

    async def flush(self) -> None:
        """Returns when all that was published is stored; raises where one of them could not be."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open or self._failure is not None)
        if self._failure:
            raise self._failure

    async def read(self, subject: str, *, start: str | int = "new", count: int | None = None) -> AsyncIterator[Event]:
        """Events in the order of the stream; `start` is "new", "all" or a sequence. Ends after `count`, else never."""
        if not isinstance(start, int) and start not in ("new", "all"):
            raise PilotfishError(f"start is {start!r}; give \"new\", \"all\" or a sequence number")
        client = await self._client("viewer")
        read = self._by_asking if self.connection["token"] else self._by_consumer
        stored = read(client, PREFIX + subject, start)
        left = count
        async with contextlib.aclosing(stored):
            while left is None or left > 0:
                for event in _events(await anext(stored), self.connection["claims"]):
                    if left == 0:
                        break
                    left = None if left is None else left - 1
                    yield event

    async def _by_consumer(self, client: Any, subject: str, start: str | int) -> AsyncIterator[Event]:
        """What the stream tells a consumer."""
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL if start == "all" else DeliverPolicy.NEW)
        if isinstance(start, int):
            config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=start)
        reader = await client.jetstream().subscribe(subject, stream=STREAM, ordered_consumer=True, config=config,
                                                    pending_bytes_limit=4 * BYTES_IN_FLIGHT_MAX)
        try:
            while True:
                try:
                    message = await reader.next_msg(timeout=5)
                except asyncio.TimeoutError:
                    continue
                about = message.metadata
                yield _event(message.subject, message, about.sequence.stream, about.timestamp)
        finally:
            with contextlib.suppress(nats.errors.Error):
                await reader.unsubscribe()

    async def _by_asking(self, client: Any, subject: str, start: str | int) -> AsyncIterator[Event]:
        """What the stream answers to whoever may make no consumer: one event after the other."""
        sequence = start if isinstance(start, int) else 1
        if start == "new":
            sequence = (await self._jetstream(client).stream_info(STREAM)).state.last_seq + 1
        while True:
            query = json.dumps({"seq": sequence, "next_by_subj": subject}).encode()
            try:
                answer = await client.request(f"$JS.{TOKEN_DOMAIN}.API.DIRECT.GET.{STREAM}", query, timeout=5)
            except (asyncio.TimeoutError, nats.errors.Error):
                if client.is_closed:
                    raise
                answer = None
            about = (answer and answer.headers) or {}
            if "Nats-Sequence" not in about:
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            sequence = int(about["Nats-Sequence"]) + 1
            yield _event(about["Nats-Subject"], answer, sequence - 1, _time(about["Nats-Time-Stamp"]))

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def _events(event: Event, claims: str) -> list[Event]:
    """One, or those of a pack as if each had been published by itself. What cannot be opened is given as it is."""
    if "Pilotfish-Claim" in event.headers:
        return [replace(event, data=_claimed(event.headers["Pilotfish-Claim"], claims))]
    if PACK not in event.headers:
        return [event]
    shared = {name: value for name, value in event.headers.items() if name not in (PACK, PACK + "-Left")}
    try:
        return [replace(event, data=data, headers={**shared, **headers}, id="", member=place)
                for place, (headers, data) in enumerate(_members(event.data))]
    except (struct.error, ValueError):
        return [event]


def _members(pack: bytes) -> list[tuple[dict[str, str], bytes]]:
    """A count, then the bytes of each member's headers and payload, then those themselves; u32, little-endian."""
    (count,) = struct.unpack_from("<I", pack)
    members, at = [], 4 + 8 * count
    for place in range(count):
        own, size = struct.unpack_from("<II", pack, 4 + 8 * place)
        if at + own + size > len(pack):
            raise ValueError("the pack is cut short")
        headers = json.loads(pack[at:at + own]) if own else {}
        members.append((headers, pack[at + own:at + own + size]))
        at += own + size
    return members


def _event(subject: str, message: Any, sequence: int, at: datetime) -> Event:
    headers = dict(message.headers or {})
    identity = headers.pop("Nats-Msg-Id", "")
    own = {name: value for name, value in headers.items() if not name.startswith("Nats-")}
    return Event(subject.removeprefix(PREFIX), message.data, own, identity, sequence, at.astimezone(timezone.utc))


def _time(text: str) -> datetime:
    """The server's nine digits of a second; Python knows six."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole).replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=timezone.utc)


def _claimed(claim: str, folder: str) -> bytes:
    """A large payload lies in a file that the event names: place, name, bytes, checksum."""
    match = re.fullmatch(r"([a-z][a-z0-9-]{0,62}) ([a-z0-9]{24}) (\d{1,12}) crc32:([0-9a-f]{8})", claim)
    if not match:
        raise PilotfishError(f"the claim {claim[:200]!r} is malformed")
    place, name, size, checksum = match.groups()
    try:
        with builtins.open(os.path.join(folder, place, name), "rb") as file:
            data = file.read()
    except OSError as error:
        raise PilotfishError(f"the payload {name} lies in {place!r}, which this machine does not see: {error}. Bring the pilot up with --claims shared") from error
    if len(data) != int(size) or zlib.crc32(data) != int(checksum, 16):
        raise PilotfishError(f"the payload {name} is not what was published: {len(data)} of {size} bytes, or another checksum")
    return data


@contextlib.asynccontextmanager
async def connect(path: str | os.PathLike[str] | None = None) -> AsyncIterator[Pilot]:
    """A pilot by its connection file. What was published is stored when the block ends without an error."""
    pilot = Pilot(_read_connection(path))
    try:
        yield pilot
        await pilot.flush()
    finally:
        await pilot.close()


class SyncPilot:
    """The same for programs without an event loop: it runs one in a thread of its own."""

    def __init__(self, pilot: Pilot, loop: asyncio.AbstractEventLoop) -> None:
        self._pilot, self._loop = pilot, loop

    def _wait(self, call: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    @property
    def counts(self) -> Counts:
        return self._pilot.counts

    def publish(self, subject: str, data: Any, *, headers: Mapping[str, str] | None = None, id: str | None = None) -> None:
        self._wait(self._pilot.publish(subject, data, headers=headers, id=id))

    def flush(self) -> None:
        self._wait(self._pilot.flush())

    def read(self, subject: str, *, start: str | int = "new", count: int | None = None) -> Iterator[Event]:
        events = self._pilot.read(subject, start=start, count=count)
        try:
            while True:
                try:
                    yield self._wait(anext(events))
                except StopAsyncIteration:
                    return
        finally:
            # Left in the middle, it is ended when Python clears up: after the pilot's loop, perhaps.
            if not self._loop.is_closed():
                self._wait(events.aclose())


@contextlib.contextmanager
def open(path: str | os.PathLike[str] | None = None) -> Iterator[SyncPilot]:
    """`connect` for programs without an event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="pilotfish", daemon=True)
    thread.start()
    run = lambda call: asyncio.run_coroutine_threadsafe(call, loop).result()  # noqa: E731
    try:
        pilot = run(_make(path))
        try:
            yield SyncPilot(pilot, loop)
            run(pilot.flush())
        finally:
            run(pilot.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _make(path: str | os.PathLike[str] | None) -> Pilot:
    return Pilot(_read_connection(path))
