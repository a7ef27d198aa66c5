"""Claims over random tables, registers and code, found and shrunk by hypothesis.

A run tries the same cases each time; RINGSCOPE_CASES=N in the environment tries N new ones of each
claim.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

_LONG_RUN: Final = os.environ.get("RINGSCOPE_CASES")
_SLOW_IS_FINE: Final = tuple(HealthCheck)


def cases(number: int) -> settings:
    """The settings of a claim that is tried on `number` cases, or on as many as the user asks."""
    return settings(
        max_examples=int(_LONG_RUN) if _LONG_RUN else number,
        derandomize=_LONG_RUN is None,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=_SLOW_IS_FINE,
    )
