"""The host's network, for a run with `--net`: a socket of the host behind one of the guest's.

The only room that opens sockets of the host; nothing of it is imported before one is needed. Who
listens in the guest, nobody outside can reach. connect(2), send(2), recv(2).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kernel_stub.errno import EAGAIN, EALREADY, EINPROGRESS, EIO, EISCONN, Errno
from kernel_stub.net.addresses import ANY_4, InetName
from kernel_stub.net.sockets import SOCK_STREAM
from kernel_stub.vfs.console import poll_host
from kernel_stub.vfs.modes import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

_MOST: Final = 1 << 20
_ALL: Final = POLLIN | POLLOUT | POLLRDHUP
Wait = Callable[["Caller", str, Callable[[], bool], "int | None", int], None]


class Outside:
    """A socket of the host that reaches addresses like `target`. `wait` is how a task waits."""

    def __init__(self, target: InetName, sort: int, wait: Wait) -> None:
        family = socket.AF_INET if len(target.host) == len(ANY_4) else socket.AF_INET6
        kind = socket.SOCK_STREAM if sort == SOCK_STREAM else socket.SOCK_DGRAM
        self._socket = self._ask(socket.socket, family, kind)
        self._socket.setblocking(False)
        self._wait = wait

    @staticmethod
    def _ask(call: Callable[..., Any], *arguments: Any) -> Any:
        """Asks the host; its refusal becomes the guest's. Raises Errno."""
        try:
            return call(*arguments)
        except OSError as refused:
            raise Errno(refused.errno or EIO) from None

    @property
    def descriptor(self) -> int:
        number: int = self._socket.fileno()
        return number

    def events(self) -> int:
        found = poll_host({self.descriptor: _ALL}, 0)
        return found.get(self.descriptor, 0) & (_ALL | POLLERR | POLLHUP)

    def connect(self, task: Caller, target: InetName, patience: int | None) -> None:
        """Raises Errno: EINPROGRESS where the call must not wait, or what the host says."""
        error = self._socket.connect_ex(_written(target))
        if error in (EINPROGRESS, EALREADY):
            if patience == 0:
                raise Errno(error)
            self._wait(task, "an answer from outside", self._is_decided, patience, POLLOUT)
        self.require_connected(error)

    def _is_decided(self) -> bool:
        return bool(self.events() & (POLLOUT | POLLERR | POLLHUP))

    def require_connected(self, error: int) -> None:
        """Raises Errno: `error`, unless it only says that the connection is there already."""
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or error
        if error and error != EISCONN:
            raise Errno(error)

    def take_error(self) -> int:
        error: int = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error

    def send(self, task: Caller, data: bytes, target: InetName | None, patience: int | None) -> int:
        """Sends to where it is connected, or to `target`. Raises Errno."""
        arguments = (data,) if target is None else (data, _written(target))
        call = self._socket.send if target is None else self._socket.sendto
        try:
            sent: int = self._ask(call, *arguments)
        except Errno as refused:
            if refused.number != EAGAIN:
                raise
            self._wait(task, "room in a socket", self._is_decided, patience, POLLOUT)
            raise
        return sent

    def has_input(self) -> bool:
        return bool(self.events() & (POLLIN | POLLERR | POLLHUP | POLLRDHUP))

    def receive(self, size: int, flags: int) -> tuple[bytes, InetName | None]:
        """What came, and from whom. Raises Errno: EAGAIN, if nothing has."""
        data, source = self._ask(self._socket.recvfrom, min(size, _MOST), flags)
        return data, _read(source) if source else None

    def shutdown(self, how: int) -> None:
        self._ask(self._socket.shutdown, how - 1)

    def name(self) -> InetName:
        """Its own address."""
        found = _read(self._ask(self._socket.getsockname))
        assert found is not None, "a socket of the internet has an address"
        return found

    def close(self) -> None:
        self._socket.close()


def _written(name: InetName) -> tuple[str, int]:
    family = socket.AF_INET if len(name.host) == len(ANY_4) else socket.AF_INET6
    return socket.inet_ntop(family, name.host), name.port


def _read(address: Any) -> InetName | None:
    host, port = address[:2]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return InetName(socket.inet_pton(family, host.partition("%")[0]), port)


def nameservers() -> frozenset[bytes]:
    """The resolvers that the host asks at its own loopback: for the guest they are outside."""
    try:
        with open("/etc/resolv.conf", "rb") as lines:
            named = [line.split()[1] for line in lines if line.startswith(b"nameserver ")]
    except OSError:
        return frozenset()
    return frozenset(
        socket.inet_aton(os.fsdecode(name)) for name in named if name.startswith(b"127.")
    )
