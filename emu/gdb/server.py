"""The socket: one client at a time, whose packets are answered in order.

A thread reads, so that an interrupt or a lost client is noticed while the program runs; the
caller's thread answers. A client that talks nonsense gets errors, one that sends more than it may
or does not read its replies is dropped, and one that vanishes leaves the program where it stands:
the server waits for the next. It does not know what packets mean.
gdb's manual, "Remote Serial Protocol": "Overview", "Packet Acknowledgment", "Interrupts".
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from queue import SimpleQueue
from typing import Final, NamedTuple

from emu.errors import UsageError
from emu.gdb.codec import Decoder, Kind, Received, frame
from emu.gdb.packets import answer
from emu.gdb.session import Ending, Session
from emu.gdb.target import Target

LOOPBACK: Final = "127.0.0.1"
_MOST_WAITING: Final = 64  # pieces that were read and not answered yet
_PATIENCE: Final = 10.0  # seconds that a client may take to read a reply
_TICK: Final = 0.02  # seconds between two attempts to interrupt, or looks at a full queue
_CHUNK: Final = 1 << 16


class Outcome(Enum):
    """Why `serve` returned."""

    ENDED = auto()  # the program ended, and its client left
    DETACHED = auto()  # the client left: the program is to run on
    KILLED = auto()  # the client ended the program
    STOPPED = auto()  # `stop` was called


class _Client:
    """A connection. `is_lost` is set by either thread; the reading one closes the socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.decoder = Decoder()
        self.is_lost = False

    def send(self, content: bytes) -> None:
        """Sends all of it, or gives the client up."""
        try:
            self.connection.sendall(content)
        except OSError:
            self.give_up()

    def give_up(self) -> None:
        self.is_lost = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Event(NamedTuple):
    """What the reading thread tells: a piece of a client's stream, or with None that it is gone."""

    client: _Client
    piece: Received | None


class Server:
    """Listens from the start. `host` and `port` are where.

    Raises:
        UsageError: nobody can listen there.
    """

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        self._listener = _listen(host, port)
        self.host, self.port = self._listener.getsockname()[:2]
        self._events: SimpleQueue[_Event | None] = SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._client: _Client | None = None  # the reading thread's
        self._session: Session | None = None  # the answering thread's
        self._lock = threading.Lock()  # an interrupt belongs to one run, and not to the next
        self._is_running = False
        self._interrupts = 0  # those that were read and not taken from the queue yet
        self._is_stopping = False
        self._is_closed = False

    def stop(self) -> None:
        """Makes `serve` return soon. From any thread or signal handler."""
        self._is_stopping = True
        self._events.put(None)
        with suppress(OSError):
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Gives back what the system lent."""
        self._listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # ---- the answering thread

    def serve(self, target: Target, tell: Callable[[str], None] = lambda text: None) -> Outcome:
        """Answers clients until there is nothing left to debug; `tell` hears of who comes."""
        reader = threading.Thread(target=self._read_clients, daemon=True)
        reader.start()
        try:
            return self._answer_clients(target, tell)
        finally:
            self._is_closed = True
            with suppress(OSError):
                os.write(self._wake_write, b"\0")
            reader.join()

    def _answer_clients(self, target: Target, tell: Callable[[str], None]) -> Outcome:
        session: Session | None = None
        last = b""
        while not self._is_stopping:
            event = self._events.get()
            if event is None:
                continue
            client, piece = event
            if piece is None or piece.kind is Kind.INTERRUPT:
                with self._lock:
                    self._interrupts -= 1
            if piece is None:
                target.forget_points()
                self._session = session = None
                if target.stop.reason.is_end:
                    return Outcome.ENDED
                tell("the client is gone; the program stands where it was")
                continue
            if session is None:
                self._session = session = self._session_for(client, target)
            last = self._take(session, client, piece, last)
            if session.ending is not Ending.OPEN:
                target.forget_points()
                client.give_up()
                is_kill = session.ending is Ending.KILLED
                return Outcome.KILLED if is_kill else Outcome.DETACHED
        return Outcome.STOPPED

    def _session_for(self, client: _Client, target: Target) -> Session:
        return Session(target, lambda body: client.send(frame(body)))

    def _take(self, session: Session, client: _Client, piece: Received, last: bytes) -> bytes:
        """Does what `piece` asks for; returns what must be sent again if the client asks."""
        if client.is_lost:
            return last
        if piece.kind is Kind.PACKET:
            if session.acknowledges:
                client.send(b"+")
            last = frame(self._answer(session, piece.payload))
            client.send(last)
        elif piece.kind is Kind.DAMAGED:
            if session.acknowledges:
                client.send(b"-")
        elif piece.kind is Kind.NACK and session.acknowledges and last:
            client.send(last)
        return last

    def _answer(self, session: Session, payload: bytes) -> bytes:
        self._is_running = True
        try:
            return answer(session, payload)
        finally:
            with self._lock:
                self._is_running = False

    # ---- the reading thread

    def _read_clients(self) -> None:
        while not self._is_closed:
            client = self._client
            wanted = [self._wake_read, self._listener.fileno()]
            is_full = self._events.qsize() > _MOST_WAITING
            if client is not None and not is_full:
                wanted.append(client.connection.fileno())
            is_urgent = self._interrupts or self._is_stopping or is_full
            ready, _, _ = select.select(wanted, [], [], _TICK if is_urgent else None)
            self._insist(client, is_full)
            if self._wake_read in ready:
                os.read(self._wake_read, _CHUNK)
            if client is not None and client.connection.fileno() in ready:
                self._read(client)  # first: it may have left, and made room
            elif self._listener.fileno() in ready:
                self._accept()
        if self._client is not None:
            self._lose(self._client)

    def _insist(self, client: _Client | None, is_full: bool) -> None:
        """Interrupts the target again, for it may not have run yet when it was first told to."""
        if is_full and self._is_running and client is not None:
            client.give_up()  # it sends packets and waits for no reply
            self._lose(client)
        session = self._session
        with self._lock:
            wanted = self._interrupts or self._is_stopping
            if wanted and self._is_running and session is not None:
                session.interrupt()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if self._client is None:
            self._client = _Client(connection)
        else:
            connection.close()  # there is one already

    def _read(self, client: _Client) -> None:
        try:
            received = client.connection.recv(_CHUNK)
        except OSError:
            received = b""
        if not received:
            self._lose(client)
            return
        for piece in client.decoder.feed(received):
            if piece.kind is not Kind.ACK:
                self._tell(client, piece)
        self._insist(client, is_full=False)

    def _lose(self, client: _Client) -> None:
        if self._client is client:
            self._client = None
            client.is_lost = True
            client.connection.close()
            self._tell(client, None)
            self._insist(None, is_full=False)

    def _tell(self, client: _Client, piece: Received | None) -> None:
        """Queues `piece`; an interrupt, or the end, also stops what runs in front of it."""
        if piece is None or piece.kind is Kind.INTERRUPT:
            with self._lock:
                self._interrupts += 1
        self._events.put(_Event(client, piece))


def _listen(host: str, port: int) -> socket.socket:
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = places[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise UsageError(f"cannot listen on {host}:{port}: {reason}") from None
    return listener


def parse_place(text: str) -> tuple[str, int]:
    """HOST and PORT of `HOST:PORT`, `:PORT` or `PORT`; without a host, loopback.

    Raises:
        UsageError: that is no place.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no place to listen: use PORT, :PORT or HOST:PORT")
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)
