"""How many instructions a machine may run. A number only, so that it costs no import of the engine.

It is what `--max-instructions` must stay below.
"""

from __future__ import annotations

from typing import Final

UNLIMITED: Final = 1 << 62
