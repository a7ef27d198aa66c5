"""The door to the host's files: every host call that takes a name stands here.

A directory of the host is known by its parent and its one component, and is opened relative to its
parent's descriptor; the host never resolves two components or follows a symlink, so nothing that
changes meanwhile leads elsewhere. What the guest makes of it, overlay.py and granted.py know.
openat(2), path_resolution(7).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from kernel_stub.errno import EIO, ELOOP, ENOENT, ENXIO, ESTALE, Errno
from kernel_stub.vfs.modes import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG

P = ParamSpec("P")
R = TypeVar("R")

Identity = tuple[int, int]  # st_dev, st_ino
MOST_OPEN: Final = 128
MOST_LINKS: Final = 40
PLACE: Final = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
SAFELY: Final = os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK
# File systems whose files are doors into the host's kernel or into this process.
KERNELS_OWN: Final = frozenset(
    b"proc sysfs devpts cgroup cgroup2 debugfs tracefs securityfs configfs bpf mqueue".split()
)


def ask(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls the host; its refusal becomes the guest's Errno."""
    try:
        return call(*args, **kwargs)
    except OSError as refused:
        raise Errno(refused.errno or EIO) from None


@contextmanager
def exact_modes() -> Iterator[None]:
    """The host's umask does not take part: the guest's already did."""
    umask = os.umask(0)
    try:
        yield
    finally:
        os.umask(umask)


class HostFd:
    """A descriptor of the host that is closed when nobody needs it any more."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.number)


class Host:
    """What holds for all directories of the host: the open ones, and the grants."""

    def __init__(self, granted: frozenset[Identity] = frozenset()) -> None:
        self.granted = granted
        self._open: dict[HostDirectory, None] = {}
        self._kernels_own: dict[int, bool] = {}

    def opened(self, directory: HostDirectory) -> None:
        """Counts a newly opened directory, and closes the oldest of too many."""
        self._open[directory] = None
        if len(self._open) > MOST_OPEN:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.close()

    def is_kernels_own(self, device: int) -> bool:
        """Whether a file system is the host kernel's own and not for the guest."""
        answer = self._kernels_own.get(device)
        if answer is None:
            answer = self._kernels_own[device] = _file_system(device) in KERNELS_OWN
        return answer


def _file_system(device: int) -> bytes:
    """The type of the mounted file system with the number `device`; proc(5), mountinfo."""
    number = f"{os.major(device)}:{os.minor(device)}".encode()
    try:
        with open("/proc/self/mountinfo", "rb") as lines:
            for line in lines:
                fields = line.split()
                if fields[2] == number:
                    return fields[fields.index(b"-") + 1]
    except OSError:
        pass  # a host without /proc has no such file systems to find
    return b""


class HostDirectory:
    """A directory of the host. `writable`: it stands below a granted one."""

    def __init__(
        self, host: Host, parent: HostDirectory | None, name: bytes, identity: Identity
    ) -> None:
        self.host = host
        self.parent = parent
        self.name = name
        self.identity = identity
        self.writable: bool = identity in host.granted or (parent is not None and parent.writable)
        self._fd = -1

    @classmethod
    def top(cls, host: Host, path: bytes) -> HostDirectory:
        """The directory that the user named; this name alone is the host's to resolve.

        Raises OSError.
        """
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.fstat(fd)
        directory = cls(host, None, b"", (status.st_dev, status.st_ino))
        directory._fd = fd
        return directory

    def fd(self) -> int:
        """Its descriptor (O_PATH), good until other directories are opened."""
        if self._fd < 0:
            self._fd = self._open(PLACE)
            self.host.opened(self)
        return self._fd

    def _open(self, flags: int) -> int:
        """A new descriptor of it; a top stays open, and is opened from itself."""
        if self.parent is None:
            return ask(os.open, b".", flags, dir_fd=self._fd)
        fd = ask(os.open, self.name, flags, dir_fd=self.parent.fd())
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != self.identity:
            os.close(fd)
            raise Errno(ESTALE)
        return fd

    def close(self, close: Callable[[int], None] = os.close) -> None:
        if self._fd >= 0:
            close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def moved(self, place: HostName) -> None:
        """It has another name now."""
        self.parent, self.name = place.directory, place.name

    def look(self, name: bytes) -> os.stat_result | None:
        """lstat(2) of one component; None where there is none. Raises Errno."""
        try:
            return os.stat(name, dir_fd=self.fd(), follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as refused:
            raise Errno(refused.errno or EIO) from None

    def child(self, name: bytes, status: os.stat_result) -> HostDirectory:
        """The directory `name`, of which `status` is known."""
        if status.st_dev != self.identity[0] and self.host.is_kernels_own(status.st_dev):
            raise Errno(ENXIO)
        return HostDirectory(self.host, self, name, (status.st_dev, status.st_ino))

    def entries(self) -> list[tuple[bytes, int, int]]:
        """The names, with inode number and file type (S_IF*). Raises Errno."""
        fd = self._open(os.O_RDONLY | os.O_DIRECTORY | SAFELY)
        try:
            with os.scandir(fd) as found:
                return [(os.fsencode(e.name), e.inode(), _type_of(e)) for e in found]
        except OSError as refused:
            raise Errno(refused.errno or EIO) from None
        finally:
            os.close(fd)

    def directory_at(self, path: bytes) -> HostDirectory | None:
        """The directory at `path` within this layer alone: no symlink leads out of it."""
        here, links = self, MOST_LINKS
        todo = [path]
        while todo:
            first, _, rest = todo.pop().partition(b"/")
            if rest:
                todo.append(rest)
            step = here._step(first)
            if isinstance(step, HostDirectory):
                here = step
                continue
            links -= 1
            if step is None or not links:
                return None
            here = here.root() if step.startswith(b"/") else here
            todo.append(step)
        return here

    def root(self) -> HostDirectory:
        return self if self.parent is None else self.parent.root()

    def _step(self, name: bytes) -> HostDirectory | bytes | None:
        """What one component leads to: a directory, a symlink's target, or nothing."""
        if name in (b"", b"."):
            return self
        if name == b"..":
            return self.parent or self
        status = self.look(name)
        kind = status.st_mode & S_IFMT if status else 0
        if status and kind == S_IFDIR:
            return self.child(name, status)
        return HostName(self, name).readlink() if kind == S_IFLNK else None


def _type_of(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return S_IFREG
    return entry.stat(follow_symlinks=False).st_mode & S_IFMT


@contextmanager
def two_open(first: HostDirectory, second: HostDirectory) -> Iterator[tuple[int, int]]:
    """The descriptors of two directories at the same time."""
    copy = os.dup(first.fd())
    try:
        yield copy, second.fd()
    finally:
        os.close(copy)


class HostName:
    """One name in one directory of the host."""

    __slots__ = ("directory", "name")

    def __init__(self, directory: HostDirectory, name: bytes) -> None:
        self.directory = directory
        self.name = name

    def stat(self) -> os.stat_result:
        status = self.directory.look(self.name)
        if status is None:
            raise Errno(ENOENT)
        return status

    def readlink(self) -> bytes:
        return ask(os.readlink, self.name, dir_fd=self.directory.fd())

    def allows(self, mask: int) -> bool:
        """access(2): the host's own answer for the user that runs this process."""
        fd = self.directory.fd()
        return os.access(self.name, mask, dir_fd=fd, effective_ids=True, follow_symlinks=False)

    def open(self, flags: int) -> HostFd:
        """Opens a regular file, and nothing else: a fifo or a device is ENXIO."""
        opened = HostFd(ask(os.open, self.name, flags | SAFELY, dir_fd=self.directory.fd()))
        if os.fstat(opened.number).st_mode & S_IFMT != S_IFREG:
            raise Errno(ENXIO)
        return opened

    def create(self, mode: int) -> HostFd:
        """Makes a new regular file and opens it for reading and writing."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFELY
        with exact_modes():
            return HostFd(ask(os.open, self.name, flags, mode, dir_fd=self.directory.fd()))

    def magic(self) -> tuple[HostFd, bytes]:
        """A descriptor of this very file, and the name by which the host changes that inode.

        chmod(2) knows no AT_SYMLINK_NOFOLLOW; the magic link of our own descriptor needs none.
        """
        number = ask(os.open, self.name, os.O_PATH | SAFELY, dir_fd=self.directory.fd())
        opened = HostFd(number)
        if os.fstat(number).st_mode & S_IFMT == S_IFLNK:
            raise Errno(ELOOP)
        return opened, b"/proc/self/fd/%d" % number
