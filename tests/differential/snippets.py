"""Every snippet, generated in the same order each time. Names say what stands in which group.

Texts are for GNU as. `D` is the data page, `R` the read-only one, `K` the stack page, `@(label)`
the address of a label. Behind each snippet stands INT3. The groups are in the modules beside this.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from tests.differential import integer, memory, system, unmasked, vector
from tests.differential.snippet import Snippet


def _each() -> Iterator[Snippet]:
    rooms = (integer, memory, system, vector, unmasked)
    for group in (room.GROUPS for room in rooms):
        for make in group:
            yield from make()


@functools.cache
def snippets() -> tuple[Snippet, ...]:
    """All of them. Two of one name are a mistake."""
    found = tuple(_each())
    assert len({snippet.name for snippet in found}) == len(found), "two snippets of one name"
    return found
