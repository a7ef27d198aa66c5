"""TCP between the tasks of the guest: no loss, no delay, but the errors that come late.

tcp(7), connect(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_stub.abi.signals import SIGPIPE
from kernel_stub.errno import (
    EALREADY,
    ECONNABORTED,
    ECONNREFUSED,
    ECONNRESET,
    EINPROGRESS,
    EINVAL,
    EISCONN,
    ENOTCONN,
    EPIPE,
    Errno,
)
from kernel_stub.net.addresses import (
    AF_UNSPEC,
    Address,
    InetName,
    family_of,
)
from kernel_stub.net.inet import (
    IPPROTO_TCP,
    InetSocket,
    aimed_at,
    hears,
    is_bound_to_any,
)
from kernel_stub.net.queues import Chunk
from kernel_stub.net.sockets import (
    BOTH,
    MSG_NOSIGNAL,
    MSG_OOB,
    MSG_PEEK,
    RECEIVE,
    SEND,
    SOCK_STREAM,
    Incoming,
    Outgoing,
)
from kernel_stub.net.streams import Stream
from kernel_stub.net.urgent import Urgent
from kernel_stub.vfs.modes import POLLPRI

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class TcpSocket(InetSocket, Stream):
    """TCP. `is_connecting`: connect(2) returned before it told what came of it."""

    sort = SOCK_STREAM
    protocol = IPPROTO_TCP
    unconnected_receive = ENOTCONN
    is_connecting = False
    urgent: Urgent | None = None  # what the other end sent with MSG_OOB last
    aim: TcpSocket | None = None  # a listener that had no place yet

    def listen(self, task: Caller, backlog: int) -> None:
        self.bind_somewhere()
        super().listen(task, backlog)

    def take_in(self, task: Caller, client: Stream) -> Stream:
        target = client.peer_name
        end = super().take_in(task, client)
        assert isinstance(end, TcpSocket), "of its own kind"
        assert isinstance(target, InetName), "it aimed at an address"
        end.name = client.peer_name = target
        end.family, end.v6_only = self.family, self.v6_only
        end.reuses_address, end.reuses_port = self.reuses_address, self.reuses_port
        self.network.joins(end, target)
        return end

    def connect(self, task: Caller, address: bytes, patience: int | None) -> None:
        if family_of(address) == AF_UNSPEC:
            return self._disconnect(task)
        if self.is_connecting:
            return self._hear_of_connection()
        if self.peer is not None or self.is_listening:
            raise Errno(EISCONN)
        target = aimed_at(self.understood(address), self.family)
        if self.out is not None or self.is_outside(target):
            return self._connect_outside(task, target, patience)
        return self._connect_to(task, target, patience)

    def _connect_outside(self, task: Caller, target: InetName, patience: int | None) -> None:
        if self.peer_name is not None:
            raise Errno(EISCONN)
        out = self.go_out(target)
        out.connect(task, target, patience)
        self.name, self.peer_name = out.name(), target

    def _connect_to(self, task: Caller, target: InetName, patience: int | None) -> None:
        listener = self._listener(target)
        self.shut = 0
        if listener is None:
            self.is_connecting = patience == 0
            if self.is_connecting:
                self.shut = BOTH
                self.fails(ECONNREFUSED)
            raise Errno(EINPROGRESS if self.is_connecting else ECONNREFUSED)
        if not listener.has_place() and patience != 0:
            self.wait(task, "a socket to accept", listener.has_place, patience)
        self.comes_from(target)
        self.peer_name, self.aim = target, listener
        self.arrive(task)
        if patience == 0:
            self.is_connecting = True
            raise Errno(EINPROGRESS)

    def _listener(self, target: InetName) -> TcpSocket | None:
        """Who listens at `target`: its very address before any."""
        found = [
            other
            for other in self.network.holders(IPPROTO_TCP, target.port)
            if isinstance(other, TcpSocket) and other.is_listening and hears(other, target)
        ]
        found.sort(key=is_bound_to_any)
        return found[0] if found else None

    def arrive(self, task: Caller) -> None:
        """The listener takes it in, once there is a place."""
        if self.aim is None or not self.aim.has_place():
            return
        listener, self.aim = self.aim, None
        if listener.is_closed:
            self.fails(ECONNREFUSED)
            return
        listener.take_in(task, self)

    def _hear_of_connection(self) -> None:
        """connect(2) again, after EINPROGRESS. Raises Errno."""
        if self.aim is not None:
            raise Errno(EALREADY)
        self.is_connecting = False
        self.require_no_error()
        if self.peer is None:
            raise Errno(ECONNABORTED)  # the program has read what went wrong

    def _disconnect(self, task: Caller) -> None:
        """connect(2) to AF_UNSPEC."""
        peer, self.peer, self.peer_name = self.peer, None, None
        self.is_connecting = self.is_listening = False
        self.shut = 0
        if peer is not None and not peer.is_closed:
            peer.hears_close(lost=True)

    def told_name(self) -> Address | None:
        return None

    def require_sendable(self, message: Outgoing) -> None:
        """A connected TCP socket overlooks an address."""
        super().require_sendable(message._replace(address=None, flags=message.flags & ~MSG_OOB))

    def receiver(self) -> Stream | None:
        """What is sent to an end that was closed, vanishes; its answer is an error from then on."""
        self.require_no_error()
        peer = self.peer
        if peer is None or self.shut & SEND:
            raise Errno(EPIPE)
        if peer.is_closed:
            self.shut = BOTH
            self.fails(EPIPE)
            return None
        return peer

    def send(self, task: Caller, message: Outgoing, patience: int | None) -> int:
        if self.out is None and message.flags & MSG_OOB:
            return self._send_urgent(task, message, patience)
        if self.out is None:
            return super().send(task, message, patience)
        try:
            return self.out.send(task, message.data, None, patience)
        except Errno as refused:
            if refused.number == EPIPE and not message.flags & MSG_NOSIGNAL:
                task.kernel.signal(task, SIGPIPE)
            raise

    def _send_urgent(self, task: Caller, message: Outgoing, patience: int | None) -> int:
        """The last byte is the urgent one, and is sent when those before it are."""
        before = message._replace(data=message.data[:-1], flags=message.flags & ~MSG_OOB)
        done = super().send(task, before, patience)
        if done == len(before.data) and message.data and isinstance(self.peer, TcpSocket):
            self.peer.urgent = Urgent(message.data[-1:], self.peer.inbox.size)
            self.peer.pulses.wake_readers()
            done += 1
        return done

    def at_mark(self) -> bool:
        return self.urgent is not None and not self.urgent.ahead

    def _receive_urgent(self, keep: bool) -> Incoming:
        self.require_receivable()
        if self.urgent is None or not self.urgent.is_there:
            raise Errno(EINVAL)
        return Incoming(Chunk(self.urgent.take(keep=keep), self.owner), 1)

    def _receive_to_mark(
        self, task: Caller, size: int, flags: int, patience: int | None
    ) -> Incoming:
        """One read ends at the mark, and the next goes on behind it."""
        if self.urgent is not None and not self.urgent.ahead and self.inbox.size:
            if not flags & MSG_PEEK:
                self.urgent = None
        elif self.urgent is not None and self.urgent.ahead:
            size = min(size, self.urgent.ahead)
        found = super().receive(task, size, flags, patience)
        if self.urgent is not None and self.urgent.ahead and not flags & MSG_PEEK:
            self.urgent.passes(len(found.chunk.data))
        return found

    def receive(self, task: Caller, size: int, flags: int, patience: int | None) -> Incoming:
        if self.out is None and flags & MSG_OOB:
            return self._receive_urgent(keep=bool(flags & MSG_PEEK))
        if self.out is None:
            return self._receive_to_mark(task, size, flags, patience)
        if not self.out.has_input():
            self.wait(task, "bytes from outside", self.out.has_input, patience)
        data, _ = self.out.receive(size, flags & MSG_PEEK)
        return Incoming(Chunk(data, self.owner), len(data))

    def require_receivable(self) -> None:
        if self.peer is None:
            self.require_no_error()
        super().require_receivable()

    def heard_by_peer(self, how: int) -> int:
        return RECEIVE if how & SEND else 0

    def shutdown(self, task: Caller, how: int) -> None:
        if self.out is not None:
            self.out.shutdown(how)
            return
        if self.is_listening:
            if how != SEND:
                self.is_listening = False
                self.pulses.wake_all()
            return
        super().shutdown(task, how)

    def closed(self, task: Caller) -> None:
        is_abrupt = self.lingers == (1, 0)
        peer = self.peer
        super().closed(task)
        if is_abrupt and peer is not None and not peer.is_closed:
            peer.hears_close(lost=True)

    def hears_close(self, lost: bool) -> None:
        """Everything that it has to know is that no bytes come; or that bytes were lost."""
        self.shut |= RECEIVE
        if lost:
            self.shut, self.error = BOTH, ECONNRESET
        self.pulses.wake_all()

    def events(self, task: Caller) -> int:
        if self.out is not None:
            return self.out.events()
        self.arrive(task)
        urgent = POLLPRI if self.urgent is not None and self.urgent.is_there else 0
        return 0 if self.aim is not None else super().events(task) | urgent
