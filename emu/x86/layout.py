"""`Layout`: a hardware structure as named spans of bits, packed and unpacked in one place.

It knows bits; what a field means stands in the module that declares the layout.
"""

from __future__ import annotations

from typing import TypeAlias

Span: TypeAlias = tuple[int, int]  # lowest bit, width


class Layout:
    """A structure of `size` bytes. A field is one span of bits, or several, lowest part first."""

    def __init__(self, name: str, size: int, **fields: Span | tuple[Span, ...]) -> None:
        self.name = name
        self.size = size
        self.fields: dict[str, tuple[Span, ...]] = {
            field: (spans,) if isinstance(spans[0], int) else spans
            for field, spans in fields.items()
        }

    def get(self, value: int, field: str) -> int:
        """The field `field` of the packed structure `value`."""
        result = shift = 0
        for low, width in self.fields[field]:
            result |= (value >> low & (1 << width) - 1) << shift
            shift += width
        return result

    def put(self, value: int, field: str, number: int) -> int:
        """`value` with the field `field` set to `number`, which must fit."""
        rest = number
        for low, width in self.fields[field]:
            mask = (1 << width) - 1
            value = value & ~(mask << low) | (rest & mask) << low
            rest >>= width
        if rest:
            raise ValueError(f"{self.name}.{field} cannot hold {number:#x}")
        return value

    def pack(self, **numbers: int) -> int:
        """The structure with these fields, all others 0, as an integer."""
        value = 0
        for field, number in numbers.items():
            value = self.put(value, field, number)
        return value

    def unpack(self, value: int) -> dict[str, int]:
        """Every field of the packed structure `value`."""
        return {field: self.get(value, field) for field in self.fields}

    def pack_bytes(self, **numbers: int) -> bytes:
        """As `pack`, in memory order."""
        return self.pack(**numbers).to_bytes(self.size, "little")
