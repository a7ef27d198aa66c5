"""What a command line may ask of the CPU. Facts only, so that they cost no import of the engine."""

from __future__ import annotations

from typing import Final

UNLIMITED: Final = 1 << 62  # instructions: `--max-instructions` must stay below
COUNTERS: Final = ("auto", "native", "python")
