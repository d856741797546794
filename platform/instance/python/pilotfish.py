"""Functions for Pilotfish in Python: one file, Python 3.8 or later, the standard library alone.

    import pilotfish

    def handle(event, ctx):
        return event.text().upper()

    pilotfish.run(handle)

The protocol is written down in docs/foreign-functions.md. A handler may return bytes, str, anything that JSON can say,
None, an Output, or a list of Outputs; a generator gives its answer in pieces. It runs in the main thread; frames are
read in another, so that a cancellation is seen while the handler works.
"""

import bisect
import json
import math
import os
import queue
import struct
import threading
import time
import traceback
import zlib

__all__ = ["run", "Output", "Retry", "Reject", "StateConflict"]

_PREFIX = struct.Struct("<IIBBH")
_FRAME_BYTES_MAX = 20 * 2**20
_TEXT_CHARS_MAX = 8192

_LOAD, _READY, _CALL, _RESULT, _ERROR, _LOG = 2, 3, 4, 5, 6, 7
_CANCEL, _STOP, _PUBLISH, _PUBLISHED, _CHUNK, _STATE, _STATE_ANSWER = 8, 9, 10, 11, 12, 13, 14
_METRICS, _RUN = 18, 19
_RUN_TOLD_MS = 0.25
_METRICS_EVERY_S = 1.0
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SERIES_MAX = 1000
_PART, _PARTS_END, _PART_TAKEN = 20, 21, 22
_FORM_NONE, _FORM_SINGLE, _FORM_SEVERAL = 0, 1, 2


class Retry(Exception):
    """Not now: the event is tried again, after `after` seconds where given. Counts as an attempt."""

    def __init__(self, message="the function asked for a retry", after=None):
        super().__init__(message)
        self.after = after


def _wait_ms(after):
    """None for what is no finite number: the manifest says how long then."""
    try:
        return int(after * 1000)
    except (TypeError, ValueError, OverflowError):
        return None


class Reject(Exception):
    """Never: the event goes to the dead letters at once, with this reason."""


class StateConflict(Exception):
    """Somebody else wrote the key first."""


class Output:
    """One event with its own subject or headers."""

    def __init__(self, data=b"", subject=None, headers=None):
        self.data = data
        self.subject = subject
        self.headers = headers or {}


def _read_claimed(claim):
    """The claimed payload in its file; one that is gone or corrupt is a dead letter."""
    try:
        with open(claim["path"], "rb") as file:
            data = file.read(claim["bytes"] + 1)
    except OSError as error:
        raise Reject("the claimed payload %s is gone: %s" % (claim["name"], error))
    checksum = "crc32:%08x" % zlib.crc32(data)
    if len(data) != claim["bytes"] or checksum != claim["checksum"]:
        raise Reject("the claimed payload %s is corrupt: %d bytes with %s, not %d with %s"
                     % (claim["name"], len(data), checksum, claim["bytes"], claim["checksum"]))
    return data


def _parse_shape(text):
    """Sides as the header has them, "16,256"; none where it says nothing that can be used, for whoever wrote it is not the handler's fault."""
    sides = text.split(",")
    return tuple(int(side) for side in sides) if all(side.isascii() and side.isdigit() for side in sides) else ()


class Part:
    """One part of a gathered event."""

    def __init__(self, entry, data):
        self.kind = entry["kind"]
        self.index = entry["index"]
        self.headers = entry["headers"]
        self.data = data


class Parts:
    """The parts of a gathered event, in order of kind and index; iterate, and let go."""

    def __init__(self, spool):
        self.key = spool["key"]
        self.reason = spool["reason"]
        self.counts = spool["counts"]
        self.count = sum(spool["counts"].values())
        self.missing = spool["missing"]
        self._path = spool["path"]
        self._index_bytes = spool["indexBytes"]

    def __iter__(self):
        with open(self._path, "rb") as spool:
            for entry in json.loads(spool.read(self._index_bytes)):
                if "claim" in entry:
                    yield Part(entry, _read_claimed(entry["claim"]))
                    continue
                spool.seek(entry["offset"])
                yield Part(entry, spool.read(entry["length"]))


class OpenParts:
    """The parts of a streaming gather, as they are stored: iterating waits for the next one, and ends when the key is closed."""

    def __init__(self, key, taken):
        self.key = key
        self.reason = "open"
        self.counts = {}
        self.missing = {}
        self._taken = taken
        self._waiting = queue.Queue()
        self._begun = False

    @property
    def count(self):
        return sum(self.counts.values())

    def _put(self, header, body):
        self._waiting.put((header, body))

    def __iter__(self):
        if self._begun:
            raise TypeError("the parts of a streaming gather are given once: keep what you need of them")
        self._begun = True
        while True:
            header, body = self._waiting.get()
            if "error" in header:
                raise RuntimeError(header["error"])
            if "reason" in header:
                self.reason, self.counts, self.missing = header["reason"], header["counts"], header["missing"]
                return
            part = Part(header, _part_data(header, body))
            self.counts[part.kind] = self.counts.get(part.kind, 0) + 1
            self._taken()
            yield part


def _part_data(header, body):
    if "c" in header:
        return _read_claimed(header["c"])
    if "f" not in header:
        return body
    with open(header["f"], "rb") as file:
        return file.read(header["n"])


class Event:
    """What happened: `data` is bytes; `id` is the same at every delivery.

    A large payload is claimed: it lies in a file, which `data` (or `open()`, the same) reads when it is first asked for.
    `dtype` and `shape` say what the bytes are, where the source has said so.
    """

    def __init__(self, header, body, open_parts=None):
        self.subject = header["s"]
        self.id = header["i"]
        self.sequence = header["q"]
        self.time = header["t"] / 1000.0
        self.headers = header.get("h", {})
        self.parts = Parts(header["g"]) if "g" in header else open_parts
        self.claim = header.get("c")
        self.dtype = self.headers.get("Pilotfish-Dtype", "")
        self.shape = _parse_shape(self.headers.get("Pilotfish-Shape", ""))
        self._data = None if self.claim else body

    @property
    def data(self):
        if self._data is None:
            self._data = _read_claimed(self.claim)
        return self._data

    def open(self):
        return self.data

    def text(self):
        return self.data.decode("utf-8")

    def json(self):
        return json.loads(self.data)


class StateEntry:
    def __init__(self, value, revision):
        self.value = value
        self.revision = revision

    def text(self):
        return self.value.decode("utf-8")

    def json(self):
        return json.loads(self.value)


class State:
    """The function's own values by key, the same for all its instances."""

    def __init__(self, host, event_id=None):
        self._host = host
        self._event_id = event_id
        self._updates = {}

    def get(self, key):
        return self._get({"operation": "get", "key": key})[0]

    def set(self, key, value, revision=None):
        return self._set(key, value, revision, None)

    def _get(self, question):
        answer, value = self._host.ask_state(question)
        entry = StateEntry(value, answer["revision"]) if answer["revision"] else None
        return entry, answer.get("applied", False)

    def _set(self, key, value, revision, once):
        question = {"operation": "set", "key": key}
        if revision is not None:
            question["revision"] = revision
        if once is not None:
            question["once"] = once
        return self._host.ask_state(question, _encode(value))[0]["revision"]

    def delete(self, key, revision=None):
        question = {"operation": "delete", "key": key}
        if revision is not None:
            question["revision"] = revision
        self._host.ask_state(question)

    def update(self, key, change):
        """Reads, changes and writes until nobody came in between; None leaves the key as it is.
        An event that comes again changes the key once: its id is stored beside the value."""
        once = None
        if self._event_id is not None:
            # A handler may change a key several times: its first change is not its second.
            number = self._updates[key] = self._updates.get(key, 0) + 1
            once = self._event_id if number == 1 else "%s/%d" % (self._event_id, number)
        for _ in range(100):
            question = {"operation": "get", "key": key}
            if once is not None:
                question["once"] = once
            current, applied = self._get(question)
            if applied:
                return
            value = change(current)
            if value is None:
                return
            try:
                self._set(key, value, current.revision if current else 0, once)
                return
            except StateConflict:
                continue
        raise StateConflict(key)


class Log:
    def __init__(self, host, call_id):
        self._host = host
        self._call_id = call_id

    def debug(self, message, **fields):
        self._write("debug", message, fields)

    def info(self, message, **fields):
        self._write("info", message, fields)

    def warn(self, message, **fields):
        self._write("warn", message, fields)

    def error(self, message, **fields):
        self._write("error", message, fields)

    def _write(self, level, message, fields):
        text = str(message) + (" " + json.dumps(fields, default=str) if fields else "")
        body = self._host.redact(text)[:_TEXT_CHARS_MAX].encode("utf-8")
        self._host.write(_LOG, 0, 0, {"level": level, "call": self._call_id}, body)


class _Metric:
    def __init__(self, metrics, name, kind, help, buckets=()):
        self._metrics = metrics
        self._definition = {"name": name, "kind": kind, "help": help, "bounds": list(buckets)}

    def _measure(self, value, labels):
        self._metrics.measure(self._definition, float(value), labels)


class Counter(_Metric):
    """Goes up only."""

    def add(self, value=1, **labels):
        self._measure(value, labels)


class Gauge(_Metric):
    """A value that comes and goes; each node shows the one that was set there last."""

    def set(self, value, **labels):
        self._measure(value, labels)


class Histogram(_Metric):
    def observe(self, value, **labels):
        self._measure(value, labels)


class Metrics:
    """The function's own metrics, in the gateway's as pilotfish_user_<name>. Told once a second and at the end; what is
    wrong or too many is refused there, with a line in the function's log, once."""

    def __init__(self, host):
        self._host = host
        self._lock = threading.Lock()
        self._series = {}
        self._full = False

    def counter(self, name, help=""):
        return Counter(self, name if name.endswith("_total") else name + "_total", "counter", help)

    def gauge(self, name, help=""):
        return Gauge(self, name, "gauge", help)

    def histogram(self, name, help="", buckets=_BUCKETS):
        return Histogram(self, name, "histogram", help, buckets)

    def measure(self, definition, value, labels):
        if not math.isfinite(value) or (definition["kind"] == "counter" and value < 0):
            return self._refuse(definition, "its value is no number, or takes a counter back")
        labels = {name: str(label) for name, label in labels.items()}
        key = (definition["name"], definition["kind"], tuple(sorted(labels.items())))
        with self._lock:
            series = self._series.get(key)
            if series is None and len(self._series) < _SERIES_MAX:
                counts = [0] * (len(definition["bounds"]) + 1) if definition["kind"] == "histogram" else []
                series = self._series[key] = dict(definition, labels=labels, value=0.0, counts=counts)
            if series is not None:
                self._add(series, value)
        if series is None:
            self._refuse(definition, "a function has no more than %d series" % _SERIES_MAX)

    @staticmethod
    def _add(series, value):
        series["value"] = value if series["kind"] == "gauge" else series["value"] + value
        if series["kind"] == "histogram" and len(series["counts"]) == len(series["bounds"]) + 1:
            series["counts"][bisect.bisect_left(series["bounds"], value)] += 1

    def _refuse(self, definition, why):
        if not self._full:
            self._full = True
            Log(self._host, "").warn("the metric %s is refused: %s" % (definition["name"], why))

    def tell(self):
        """What was measured since the last time."""
        with self._lock:
            series, self._series = list(self._series.values()), {}
        if series:
            self._host.write(_METRICS, 0, 0, None, json.dumps(series).encode("utf-8"))

    def tell_often(self):
        while True:
            time.sleep(_METRICS_EVERY_S)
            self.tell()


class Context:
    """What a handler knows besides its event."""

    def __init__(self, host, call):
        load = host.load
        self.function = {"name": load["function"], "version": load["version"],
                         "instance": load["instance"], "node": load["node"]}
        self.config = load["config"]
        self.secrets = load["secrets"]
        self.attempt = call.header["a"]
        self.deadline = call.deadline
        self.log = Log(host, call.header["i"])
        self.metrics = host.metrics
        # A call without event comes once.
        self.state = State(host, call.header["i"] if call.header["q"] else None)
        self._host = host
        self._call = call

    @property
    def cancelled(self):
        """True once the timeout has passed or the caller has given up: look at it in long loops."""
        return self._call.cancelled.is_set() or _now() > self.deadline

    def publish(self, subject, data, headers=None, id=None):
        """Publishes an event besides the result; returns when the stream has stored it."""
        message_id = id or "%s.publish.%d" % (self._call.header["i"], self._call.publishes)
        self._call.publishes += 1
        header = {"subject": subject, "messageId": message_id, "headers": headers or {}}
        answer, _ = self._host.ask(_PUBLISH, self._call.frame, header, _encode(data))
        if answer["error"]:
            raise RuntimeError(answer["error"])


class _Call:
    def __init__(self, frame, header, body):
        self.frame = frame
        self.header = header
        self.body = body
        self.deadline = _now() + header["d"] / 1000.0
        self.cancelled = threading.Event()
        self.publishes = 0
        # Of a call that follows an open key.
        self.parts = None
        self.started = None


class _Host:
    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()
        self._answers = {}
        self._next_token = 1
        self._calls = {}
        self._secrets = []
        self.load = None
        self.metrics = Metrics(self)
        self.waiting = queue.Queue()

    def write(self, kind, frame, flags, header, body=b""):
        text = json.dumps(header).encode("utf-8") if header is not None else b""
        total = _PREFIX.size + len(text) + len(body)
        if total > _FRAME_BYTES_MAX or len(text) > 0xFFFF:
            raise ValueError("it has %d bytes and a header of %d; the most is %d in all, %d of them header" % (len(body), len(text), _FRAME_BYTES_MAX, 0xFFFF))
        with self._lock:
            self._writer.write(_PREFIX.pack(total - 4, frame, kind, flags, len(text)) + text)
            self._writer.write(body)
            self._writer.flush()

    def redact(self, text):
        for name, value in self._secrets:
            text = text.replace(value, "[secret %s]" % name)
        return text

    def ask(self, kind, frame, header, body=b""):
        with self._lock:
            token = self._next_token
            self._next_token += 1
            answer = self._answers[token] = queue.Queue(1)
        self.write(kind, frame, 0, dict(header, token=token), body)
        return answer.get()

    def ask_state(self, question, value=b""):
        answer, read = self.ask(_STATE, 0, question, value)
        if answer["error"] == "conflict":
            raise StateConflict(question["key"])
        if answer["error"]:
            raise RuntimeError(answer["error"])
        return answer, read

    def tell_run(self, call):
        """How long the handler took: the agent may read the answer late."""
        if call.started is None:
            return
        ms = (time.monotonic() - call.started) * 1000.0
        call.started = None
        if ms >= _RUN_TOLD_MS:
            self.write(_RUN, call.frame, 0, {"t": _now() * 1000.0 - ms, "ms": ms})

    def done(self, call):
        self._calls.pop(call.frame, None)

    def read_frames(self):
        """Until the agent goes away; then this process has nothing left to do."""
        try:
            while True:
                length, frame, kind, _, header_bytes = _PREFIX.unpack(_exactly(self._reader, _PREFIX.size))
                rest = _exactly(self._reader, length + 4 - _PREFIX.size)
                header = json.loads(rest[:header_bytes]) if header_bytes else {}
                self._receive(kind, frame, header, rest[header_bytes:])
        except EOFError:
            os._exit(0)

    def _receive(self, kind, frame, header, body):
        if kind == _CALL:
            call = self._calls[frame] = _Call(frame, header, body)
            if "o" in header:
                call.parts = OpenParts(header["o"]["key"], lambda: self.write(_PART_TAKEN, frame, 0, None))
            self.waiting.put(call)
        elif kind == _LOAD:
            self.load = header
            secrets = [(name, value) for name, value in header["secrets"].items() if len(value) >= 4]
            self._secrets = sorted(secrets, key=lambda pair: -len(pair[1]))
            self.waiting.put(_LOAD)
        elif kind in (_PART, _PARTS_END):
            call = self._calls.get(frame)
            if call and call.parts:
                call.parts._put(header, body)
        elif kind == _CANCEL:
            call = self._calls.get(frame)
            if call:
                call.cancelled.set()
                if call.parts:
                    call.parts._put({"error": "the call was cancelled"}, b"")
        elif kind in (_PUBLISHED, _STATE_ANSWER):
            answer = self._answers.pop(header["token"], None)
            if answer:
                answer.put((header, body))
        elif kind == _STOP:
            self.waiting.put(_STOP)

    def error(self, frame, kind, error, after=None):
        stack = self._stack(error)
        header = {"kind": kind, "message": self.redact(str(error) or type(error).__name__)[:_TEXT_CHARS_MAX],
                  "stack": self.redact(stack)[-_TEXT_CHARS_MAX:]}
        wait = _wait_ms(after)
        if wait is not None:
            header["retryAfterMs"] = wait
        self.write(_ERROR, frame, 0, header)

    def _stack(self, error):
        """With files named as beside the manifest, and from the function's first line on: what called it is this file."""
        own = error.__traceback__
        while own and own.tb_frame.f_code.co_filename == __file__:
            own = own.tb_next
        lines = traceback.format_exception(type(error), error, own or error.__traceback__)
        return "".join(lines).rstrip("\n").replace(os.path.join(self.load["artifact"], ""), "")

    def fail(self, call, error):
        self.tell_run(call)
        if isinstance(error, Retry):
            self.error(call.frame, "retry", error, error.after)
        elif isinstance(error, Reject):
            self.error(call.frame, "rejected", error)
        else:
            self.error(call.frame, "failed", error)

    def answer(self, call, result):
        if hasattr(result, "__next__"):
            result = self._pieces(call, result)
        self.tell_run(call)
        if result is None:
            self.write(_RESULT, call.frame, _FORM_NONE, None)
        elif isinstance(result, (list, tuple)) and result and all(isinstance(item, Output) for item in result):
            self._several(call, result)
        elif isinstance(result, Output):
            self._several(call, [result])
        else:
            self.write(_RESULT, call.frame, _FORM_SINGLE, None, _encode(result))

    def _pieces(self, call, generator):
        if not call.header.get("r"):
            return [piece if isinstance(piece, Output) else Output(piece) for piece in generator] or None
        for piece in generator:
            if call.cancelled.is_set():
                generator.close()
                raise RuntimeError("the caller went away")
            data = piece.data if isinstance(piece, Output) else piece
            self.write(_CHUNK, call.frame, 0, None, _encode(data))
        return None

    def _several(self, call, outputs):
        bodies = [_encode(output.data) for output in outputs]
        headers = []
        for output, body in zip(outputs, bodies):
            header = {"length": len(body)}
            if output.subject is not None:
                header["subject"] = output.subject
            if output.headers:
                header["headers"] = output.headers
            headers.append(header)
        self.write(_RESULT, call.frame, _FORM_SEVERAL, headers, b"".join(bodies))


def run(handle=None, handle_batch=None, init=None, dispose=None):
    """Serves calls until the instance is stopped; the last line of a function's file.

    handle(event, ctx), or handle_batch(events, ctx) which returns one result an event (an exception in a place fails
    that event only). init(config, secrets, log) runs once before, dispose() once at the end.
    """
    if (handle is None) == (handle_batch is None):
        raise TypeError("run() is given either handle or handle_batch")
    host = _open_host()
    threading.Thread(target=host.read_frames, daemon=True).start()
    if host.waiting.get() != _LOAD:
        return
    try:
        if init:
            init(host.load["config"], host.load["secrets"], Log(host, ""))
    except Exception as error:
        host.error(0, "load", error)
        return
    host.write(_READY, 0, 0, None)
    threading.Thread(target=host.metrics.tell_often, daemon=True).start()
    stopped = False
    while not stopped:
        calls, stopped = _next_calls(host, host.load["batch"]["size"] if handle_batch else 1)
        if calls and handle_batch:
            _run_batch(host, handle_batch, calls)
        elif calls:
            _run_one(host, handle, calls[0])
    if dispose:
        dispose()
    host.metrics.tell()


def _next_calls(host, size):
    """Waits for one call and takes what else is there, up to `size`."""
    first = host.waiting.get()
    if first == _STOP:
        return [], True
    calls = [first]
    deadline = _now() + host.load["batch"]["waitMs"] / 1000.0
    while len(calls) < size:
        try:
            following = host.waiting.get(timeout=max(0.0, deadline - _now()))
        except queue.Empty:
            break
        if following == _STOP:
            return calls, True
        calls.append(following)
    return calls, False


def _run_one(host, handle, call):
    call.started = time.monotonic()
    try:
        host.answer(call, handle(Event(call.header, call.body, call.parts), Context(host, call)))
    except Exception as error:
        host.fail(call, error)
    host.done(call)


def _run_batch(host, handle_batch, calls):
    for call in calls:
        call.started = time.monotonic()
    try:
        events = [Event(call.header, call.body, call.parts) for call in calls]
        results = list(handle_batch(events, Context(host, calls[0])))
        if len(results) != len(calls):
            raise ValueError("handle_batch returned %d results for %d events" % (len(results), len(calls)))
    except Exception as error:
        results = [error] * len(calls)
    for call, result in zip(calls, results):
        try:
            if isinstance(result, Exception):
                host.fail(call, result)
            else:
                host.answer(call, result)
        except Exception as error:
            host.fail(call, error)
        host.done(call)


def _open_host():
    if os.environ.get("PILOTFISH_TRANSPORT") == "stdio":
        # What the function prints must not get between frames: it goes to stderr, which is the log.
        reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return _Host(reader, writer)
    # Node makes its sockets non-blocking; this end of it is ours alone.
    os.set_blocking(3, True)
    return _Host(os.fdopen(3, "rb", closefd=False), os.fdopen(os.dup(3), "wb"))


def _exactly(reader, count):
    data = reader.read(count)
    if data is None or len(data) < count:
        raise EOFError
    return data


def _encode(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8")
    if hasattr(value, "tobytes"):
        return value.tobytes()
    return json.dumps(value).encode("utf-8")


def _now():
    return time.time()
