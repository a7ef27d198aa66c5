"""Who may do what: the mode bits, the sticky bit, and the host's own answer.

For a file of the host that the guest has not changed, and a guest that runs as the host's user,
the host decides; what that would mean for a write that only the overlay sees, the bits decide.
path_resolution(7): "Permissions"; access(2).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.capabilities import CAP_DAC_OVERRIDE, CAP_FOWNER
from kernel_stub.errno import EACCES, EPERM, Errno
from kernel_stub.vfs.directory import Directory
from kernel_stub.vfs.inode import Inode, Status
from kernel_stub.vfs.modes import R_OK, S_IFDIR, S_ISVTX, W_OK, X_OK
from kernel_stub.vfs.overlay import OnHost

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

ROOT: Final = 0


def allowed(task: Caller, inode: Inode, mask: int) -> bool:
    """Whether `task` has every right of `mask` (R_OK, W_OK, X_OK) to `inode`."""
    if task.is_able(CAP_DAC_OVERRIDE):
        return not mask & X_OK or inode.kind == S_IFDIR or bool(inode.stat().st_mode & 0o111)
    if isinstance(inode, OnHost) and _is_the_hosts(task, inode):
        asked = mask & (R_OK | X_OK) if inode.in_memory else mask
        if asked and not inode.host_allows(asked):
            return False
        mask &= ~asked
    return _bits_for(task, inode.stat()) & mask == mask if mask else True


def _is_the_hosts(task: Caller, inode: Inode) -> bool:
    """Whether the host answers for `inode`: the guest changed neither it nor its user."""
    if inode.attributes is not None or not isinstance(inode, OnHost):
        return False
    return task.uid == os.geteuid() != ROOT  # root's answer would be the host's capabilities


def _bits_for(task: Caller, status: Status) -> int:
    """The triplet of the mode that holds for `task`."""
    if task.uid == status.st_uid:
        return status.st_mode >> 6 & 7
    if status.st_gid == task.gid or status.st_gid in task.groups:
        return status.st_mode >> 3 & 7
    return status.st_mode & 7


def require(task: Caller, inode: Inode, mask: int) -> None:
    """Raises Errno(EACCES) unless `task` has every right of `mask`."""
    if not allowed(task, inode, mask):
        raise Errno(EACCES)


def require_search(task: Caller, directory: Directory) -> None:
    """A path walk goes through `directory`: it needs the right X.

    Where the host answers, it does so at the look-up.
    """
    if not (task.is_able(CAP_DAC_OVERRIDE) or _is_the_hosts(task, directory)):
        require(task, directory, X_OK)


def require_names(task: Caller, directory: Directory) -> None:
    """A name is made or removed in `directory`."""
    if directory.in_memory:  # otherwise the host checks when it is done
        require(task, directory, W_OK | X_OK)


def require_removal(task: Caller, directory: Directory, inode: Inode) -> None:
    """The name of `inode` goes away; in a sticky directory only an owner may do that."""
    require_names(task, directory)
    status = directory.stat()
    if not directory.in_memory or not status.st_mode & S_ISVTX:
        return
    if task.uid not in (status.st_uid, inode.stat().st_uid) and not task.is_able(CAP_FOWNER):
        raise Errno(EPERM)


def require_owner(task: Caller, inode: Inode) -> None:
    """chmod(2) and utimensat(2) are for the owner."""
    if task.uid != inode.stat().st_uid and not task.is_able(CAP_FOWNER):
        raise Errno(EPERM)
