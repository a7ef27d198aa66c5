"""Memory management: address spaces, their regions, and the pages that faults bring in."""

from __future__ import annotations

from kernel_stub.mm.backing import Inode
from kernel_stub.mm.content import ContentFile
from kernel_stub.mm.faults import FaultResult
from kernel_stub.mm.frames import Processor
from kernel_stub.mm.regions import MappedFile, Region
from kernel_stub.mm.space import AddressSpace

__all__ = [
    "AddressSpace",
    "ContentFile",
    "FaultResult",
    "Inode",
    "MappedFile",
    "Processor",
    "Region",
]
