"""Connected sockets: two ends, each with a queue of what the other one sent.

Bytes travel at once; only room can lack. What a name is and whom it leads to, kinds know.
listen(2), accept(2), send(2), recv(2); unix(7), tcp(7).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from kernel_stub.abi.signals import SIGPIPE
from kernel_stub.errno import (
    ECONNRESET,
    EINVAL,
    EISCONN,
    EMSGSIZE,
    ENOTCONN,
    EOPNOTSUPP,
    EPIPE,
    Errno,
)
from kernel_stub.net.addresses import Address
from kernel_stub.net.queues import Chunk, Credentials
from kernel_stub.net.sockets import (
    BOTH,
    MSG_NOSIGNAL,
    MSG_OOB,
    MSG_PEEK,
    MSG_WAITALL,
    RECEIVE,
    SEND,
    Incoming,
    Outgoing,
    Socket,
)
from kernel_stub.vfs.modes import POLLHUP, POLLIN, POLLOUT

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

MOST_WAITING = 4096  # net.core.somaxconn


class Stream(Socket):
    """One end. `peer` is the other one, also after that was closed.

    `has_records`: each message is received by itself (SOCK_SEQPACKET).
    """

    has_records = False
    unconnected_receive = EINVAL
    peer: Stream | None = None
    backlog = 0

    @property
    def waiting_ends(self) -> deque[Stream]:
        """The ends that accept(2) has not taken."""
        ends: deque[Stream] = self.__dict__.setdefault("_waiting", deque())
        return ends

    # ---- becoming connected

    def listen(self, task: Caller, backlog: int) -> None:
        if self.peer is not None:
            raise Errno(EINVAL)
        # The number is unsigned: a negative one asks for as many as there may be.
        self.backlog = min(backlog & 0xFFFF_FFFF, MOST_WAITING)
        self.is_listening = True
        self.owner = Credentials(task.pid, task.uid, task.gid)

    def has_place(self) -> bool:
        """Whether one more may wait to be accepted; or nobody ever will."""
        return self.is_closed or len(self.waiting_ends) <= self.backlog

    def take_in(self, task: Caller, client: Stream) -> Stream:
        """`client` connects: the end that accept(2) will give to the listener's program."""
        end = type(self)(self.network, task)
        end.name, end.owner = self.name, self.owner
        end.passes_credentials = self.passes_credentials
        end.options = dict(self.options)
        join(end, client)
        self.waiting_ends.append(end)
        self.pulses.wake_readers()
        return end

    def accept(self, task: Caller, patience: int | None) -> Socket:
        if not self.is_listening:
            raise Errno(EINVAL)
        if not self.waiting_ends:
            what = "a connection to accept"
            self.wait(task, what, self._is_asked, patience)
        self.pulses.wake_writers()
        return self.waiting_ends.popleft()

    def _is_asked(self) -> bool:
        return bool(self.waiting_ends) or not self.is_listening

    # ---- sending

    def send(self, task: Caller, message: Outgoing, patience: int | None) -> int:
        """As much as there is room for at a time; `task.progress` counts over the waits."""
        self.require_sendable(message)
        while True:
            peer = self._receiver(task, message.flags)
            if peer is None:
                return _finished(task, len(message.data))
            went = self._put(task, message, peer)
            if went or (task.progress and patience == 0):
                return _finished(task)
            try:
                self.wait(task, "room in a socket", self._can_send, patience)
            except Errno:
                if not task.progress:
                    raise
                return _finished(task)

    def require_sendable(self, message: Outgoing) -> None:
        """What is wrong with the message itself. Raises Errno."""
        if message.flags & MSG_OOB:
            raise Errno(EOPNOTSUPP)
        if message.address is not None:
            raise Errno(EOPNOTSUPP if self.peer is None else EISCONN)
        if self.has_records and len(message.data) > self.inbox.capacity:
            raise Errno(EMSGSIZE)

    def _receiver(self, task: Caller, flags: int) -> Stream | None:
        """The other end; None: what is sent goes nowhere. Raises Errno, with SIGPIPE for EPIPE."""
        try:
            return self.receiver()
        except Errno as refused:
            if task.progress:
                raise
            if refused.number == EPIPE and not flags & MSG_NOSIGNAL and not self.has_records:
                task.kernel.signal(task, SIGPIPE)
            raise

    def receiver(self) -> Stream | None:
        """The end that hears. Raises Errno."""
        peer = self.peer
        if peer is None:
            raise Errno(ENOTCONN)
        self.require_no_error()
        if self.shut & SEND or peer.shut & RECEIVE or peer.is_closed:
            raise Errno(EPIPE)
        return peer

    def _put(self, task: Caller, message: Outgoing, peer: Stream) -> bool:
        """Puts what fits into the other end's queue; returns whether nothing is left."""
        if self.has_records:
            if peer.inbox.fits(len(message.data)):
                self._add(task, message, peer, message.data)
                return True
            return False
        while room := peer.inbox.room:
            piece = message.data[task.progress : task.progress + room]
            if not piece:
                break
            self._add(task, message, peer, piece)
        return task.progress == len(message.data)

    def _add(self, task: Caller, message: Outgoing, peer: Stream, piece: bytes) -> None:
        sender = message.sender or Credentials(task.pid, task.uid, task.gid)
        rights = message.rights if not task.progress else ()
        for file in rights:
            self.network.take_off(task, file)
        peer.inbox.add(Chunk(piece, sender, self.told_name(), rights))
        task.progress += len(piece)
        peer.pulses.wake_readers()

    def told_name(self) -> Address | None:
        """The name that a receiver is told with the bytes."""
        return self.name

    def _can_send(self) -> bool:
        peer = self.peer
        gone = peer is None or peer.is_closed or peer.shut & RECEIVE or self.shut & SEND
        return bool(self.error or gone) or (peer is not None and peer.inbox.room > 0)

    # ---- receiving

    def receive(self, task: Caller, size: int, flags: int, patience: int | None) -> Incoming:
        if flags & MSG_OOB:
            raise Errno(EINVAL if self.protocol else EOPNOTSUPP)
        self.require_receivable()
        whole = flags & MSG_WAITALL and not self.has_records and not flags & MSG_PEEK
        least = size if whole else min(size, 1)
        self._await(task, least, patience)
        if not len(self.inbox):
            if size or self.has_records:
                self.require_no_error()
            return Incoming(Chunk(b"", self.owner), 0)
        keep = bool(flags & MSG_PEEK)
        if self.has_records:
            chunk = self.inbox.take(keep=keep)
            cut = Chunk(chunk.data[:size], chunk.sender, chunk.source, chunk.rights)
            found = Incoming(cut, len(chunk.data))
        else:
            chunk = self.inbox.take_bytes(size, keep=keep, by_sender=self.passes_credentials)
            found = Incoming(chunk, len(chunk.data))
        if self.peer is not None:
            self.peer.pulses.wake_writers()
        return found

    def require_receivable(self) -> None:
        """It is connected, or was. Raises Errno."""
        if self.peer is None:
            raise Errno(self.unconnected_receive)

    def _await(self, task: Caller, least: int, patience: int | None) -> None:
        """Waits for `least` bytes, for a record, or for the end of them."""
        waits = _Bytes(self, least)
        if waits.is_there():
            return
        self.inbox.wanted = least
        try:
            self.wait(task, "bytes on a socket", waits.is_there, patience)
        except Errno:
            self.inbox.wanted = 0
            if not len(self.inbox):
                raise

    # ---- the end

    def shutdown(self, task: Caller, how: int) -> None:
        """`how` is in bits. What one end does not send, the other does not receive."""
        self.shut |= how
        peer = self.peer
        if peer is not None and not peer.is_closed:
            peer.shut |= self.heard_by_peer(how)
            peer.pulses.wake_all()
        self.pulses.wake_all()

    def heard_by_peer(self, how: int) -> int:
        """What a shutdown here means at the other end."""
        return (RECEIVE if how & SEND else 0) | (SEND if how & RECEIVE else 0)

    def closed(self, task: Caller) -> None:
        lost = bool(len(self.inbox))
        super().closed(task)
        for end in self.waiting_ends:
            end.closed_unaccepted(task)
        self.is_listening = False
        if self.peer is not None and not self.peer.is_closed:
            self.peer.hears_close(lost)

    def closed_unaccepted(self, task: Caller) -> None:
        """Nobody ever accepted it."""
        super().closed(task)
        if self.peer is not None:
            self.peer.hears_close(lost=True)

    def hears_close(self, lost: bool) -> None:
        """The other end was closed; `lost`: before it had read everything."""
        self.shut = BOTH
        if lost:
            self.error = ECONNRESET
        self.pulses.wake_all()

    def events(self, task: Caller) -> int:
        if self.is_listening:
            return POLLIN if self.waiting_ends else 0
        events = super().events(task)
        if self.peer is None:
            return events | POLLHUP | POLLOUT
        has_room = self.peer.is_closed or self.peer.inbox.room > 0
        return events | (POLLOUT if has_room else 0)


class _Bytes:
    """What a receiver waits for."""

    def __init__(self, end: Stream, least: int) -> None:
        self.end = end
        self.least = least

    def is_there(self) -> bool:
        end = self.end
        if end.has_records and len(end.inbox):
            return True
        enough = end.inbox.size >= self.least and not end.has_records
        return bool(enough or end.shut & RECEIVE or end.error)


def join(first: Stream, second: Stream) -> None:
    """Connects two ends."""
    for end, other in ((first, second), (second, first)):
        end.peer = other
        end.peer_name, end.peer_owner = other.name, other.owner
    first.pulses.wake_all()
    second.pulses.wake_all()


def _finished(task: Caller, done: int = 0) -> int:
    """How many bytes the call that ends sent."""
    done, task.progress = done or task.progress, 0
    return done
