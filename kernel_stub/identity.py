"""Who a task is: its user and group ids, its capabilities, and how they change each other.

An identity is a value; each change makes another. Whether a task may ask for a change, the
handlers know. credentials(7); capabilities(7), "Effect of user ID changes on capabilities",
"Transformation of capabilities during execve()".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kernel_stub.abi.capabilities import (
    EVERY_CAPABILITY,
    OF_FILES,
    SECBIT_KEEP_CAPS,
    SECBIT_NO_SETUID_FIXUP,
    SECBIT_NOROOT,
)

ROOT: Final = 0


class Ids(NamedTuple):
    """The four ids of a user, or of a group. `filesystem` is the one that files are judged by."""

    real: int
    effective: int
    saved: int
    filesystem: int

    def has_root(self) -> bool:
        """Whether one of the three that setresuid(2) sets is root's."""
        return ROOT in self[:3]


def all_of(number: int) -> Ids:
    """Four times the same."""
    return Ids(number, number, number, number)


class Capabilities(NamedTuple):
    """Five sets, as bits by number."""

    effective: int = 0
    permitted: int = 0
    inheritable: int = 0
    bounding: int = EVERY_CAPABILITY
    ambient: int = 0


class Identity(NamedTuple):
    """`groups` are the supplementary ones."""

    uids: Ids
    gids: Ids
    groups: tuple[int, ...] = ()
    caps: Capabilities = Capabilities()
    securebits: int = 0

    def with_uids(self, uids: Ids) -> Identity:
        """As setuid(2) and its like leave it: capabilities come and go with root's ids."""
        caps = self.caps
        if not self.securebits & SECBIT_NO_SETUID_FIXUP:
            if self.uids.has_root() and not uids.has_root():
                caps = caps._replace(ambient=0)
                if not self.securebits & SECBIT_KEEP_CAPS:
                    caps = caps._replace(permitted=0, effective=0)
            if self.uids.effective == ROOT and uids.effective != ROOT:
                caps = caps._replace(effective=0)
            elif self.uids.effective != ROOT and uids.effective == ROOT:
                caps = caps._replace(effective=caps.permitted)
        return self._replace(uids=uids, caps=caps)

    def with_filesystem_uid(self, uid: int) -> Identity:
        """As setfsuid(2) leaves it: the capabilities over files come and go with root."""
        caps, was = self.caps, self.uids.filesystem
        if not self.securebits & SECBIT_NO_SETUID_FIXUP:
            if was == ROOT and uid != ROOT:
                caps = caps._replace(effective=caps.effective & ~OF_FILES)
            elif was != ROOT and uid == ROOT:
                caps = caps._replace(effective=caps.effective | caps.permitted & OF_FILES)
        return self._replace(uids=self.uids._replace(filesystem=uid), caps=caps)

    def by_real_ids(self) -> Identity:
        """Who access(2) asks about: the real user, with what exec would give."""
        uids, gids, caps = self.uids, self.gids, self.caps
        if not self.securebits & SECBIT_NO_SETUID_FIXUP:
            caps = caps._replace(effective=caps.permitted if uids.real == ROOT else 0)
        uids, gids = (ids._replace(filesystem=ids.real) for ids in (uids, gids))
        return self._replace(uids=uids, gids=gids, caps=caps)

    def executing(self, owner: int | None, group: int | None) -> Identity:
        """As execve(2) leaves it; `owner`, `group`: of a file with the set-id bit, or None."""
        uids, gids = _after_exec(self.uids, owner), _after_exec(self.gids, group)
        caps = self.caps
        ambient = caps.ambient if owner is None and group is None else 0
        permitted, is_effective = ambient, False
        if not self.securebits & SECBIT_NOROOT:
            if ROOT in (uids.real, uids.effective):
                permitted |= caps.inheritable | caps.bounding
            is_effective = uids.effective == ROOT
        caps = caps._replace(
            permitted=permitted,
            effective=permitted if is_effective else ambient,
            ambient=ambient,
        )
        bits = self.securebits & ~SECBIT_KEEP_CAPS
        return self._replace(uids=uids, gids=gids, caps=caps, securebits=bits)


def _after_exec(ids: Ids, owner: int | None) -> Ids:
    effective = ids.effective if owner is None else owner
    return Ids(ids.real, effective, effective, effective)


def of_user(uid: int, gid: int, groups: tuple[int, ...] = ()) -> Identity:
    """Somebody who has just logged in: root with every capability, others with none."""
    held = EVERY_CAPABILITY if uid == ROOT else 0
    return Identity(all_of(uid), all_of(gid), groups, Capabilities(held, held))
