"""Sockets of messages: each is received as it was sent, with its sender's name, or not at all.

unix(7), udp(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_stub.errno import EMSGSIZE, EOPNOTSUPP, EPIPE, Errno
from kernel_stub.net.queues import Chunk, Credentials
from kernel_stub.net.sockets import (
    MSG_OOB,
    MSG_PEEK,
    RECEIVE,
    SEND,
    Incoming,
    Outgoing,
    Socket,
)

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class Datagram(Socket):
    """`peer` is whom connect(2) chose; what others send then does not arrive."""

    largest: int

    def send(self, task: Caller, message: Outgoing, patience: int | None) -> int:
        if message.flags & MSG_OOB:
            raise Errno(EOPNOTSUPP)
        if len(message.data) > self.largest:
            raise Errno(EMSGSIZE)
        self.require_no_error()
        if self.shut & SEND:
            raise Errno(EPIPE)
        target = self.target(task, message, patience)
        if target is not None:
            self._deliver(task, message, target)
        return len(message.data)

    def target(self, task: Caller, message: Outgoing, patience: int | None) -> Datagram | None:
        """Who gets `message`; None: it vanishes. Raises Errno."""
        raise NotImplementedError

    def _deliver(self, task: Caller, message: Outgoing, target: Datagram) -> None:
        sender = message.sender or Credentials(task.pid, task.uid, task.gid)
        for file in message.rights:
            self.network.take_off(task, file)
        target.inbox.add(Chunk(message.data, sender, self.name, message.rights))
        target.pulses.wake_readers()

    def receive(self, task: Caller, size: int, flags: int, patience: int | None) -> Incoming:
        if flags & MSG_OOB:
            raise Errno(EOPNOTSUPP)
        self.require_no_error()
        if not len(self.inbox):
            if self.shut & RECEIVE and patience != 0:
                return Incoming(Chunk(b"", self.owner), 0)
            self.wait(task, "a message on a socket", self._has_news, patience)
        chunk = self.inbox.take(keep=bool(flags & MSG_PEEK))
        if not flags & MSG_PEEK:
            self.took(chunk)
        cut = Chunk(chunk.data[:size], chunk.sender, chunk.source, chunk.rights)
        return Incoming(cut, len(chunk.data))

    def took(self, chunk: Chunk) -> None:
        """A message was received: there is room for another."""

    def _has_news(self) -> bool:
        return bool(len(self.inbox) or self.error or self.shut & RECEIVE)
