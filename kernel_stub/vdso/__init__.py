"""The vDSO: a shared object of the kernel's in every program, and the page of its clocks.

The image is built from this folder's assembly (build.py). Here it is adapted to the processor, as
Linux patches its own, and mapped behind the clock page. Guest time is the number of instructions
executed, which is what RDTSC tells: so the page is current as long as the kernel renews it whenever
a clock jumps. It does not know what a clock means.
vdso(7); getauxval(3): AT_SYSINFO_EHDR, AT_SYSINFO.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emu.x86.paging import PAGE_SIZE, page_up
from emu.x86.vendors import Vendor
from kernel_stub.abi.abi import I386, Abi
from kernel_stub.mm import AddressSpace, ContentFile
from kernel_stub.mm.flags import MAP_FIXED, MAP_PRIVATE, PROT_EXEC, PROT_READ
from kernel_stub.vdso.clockpage import ClockPage

_HERE: Final = Path(__file__).parent
_FAST_CALL_SIZE: Final = 4  # bytes of the instructions that __kernel_vsyscall is chosen from
NAME: Final = b"[vdso]"
IMAGES: Final = {8: "vdso64", 4: "vdso32"}  # by the ABI's word


def read_image(name: str) -> bytes:
    """The built image `name` of IMAGES."""
    return (_HERE / f"{name}.so").read_bytes()


def read_symbols(name: str) -> dict[str, int]:
    """The symbols of the image `name`: how far each is from its beginning."""
    rows = (line.split() for line in (_HERE / f"{name}.map").read_text().splitlines())
    return {symbol: int(address, 16) for address, _, symbol in rows}


def adapted(image: bytes, symbols: dict[str, int], vendor: Vendor) -> bytes:
    """The 32-bit image with the fast call of `vendor`; with none, `int $0x80` stays alone."""
    source = fast_call(vendor)
    if source is None:
        return image
    instructions = image[symbols[source] : symbols[source] + _FAST_CALL_SIZE]
    at = symbols["fast_call"]
    return image[:at] + instructions + image[at + _FAST_CALL_SIZE :]


def fast_call(vendor: Vendor) -> str | None:
    """Where in the 32-bit image the instructions stand by which `vendor` enters the kernel."""
    if vendor.long_mode_sysenter:
        return "with_sysenter"
    return "with_syscall" if vendor.compat_syscall else None


class Vdso:
    """The vDSO of one kernel. `announced`: programs are told of it, so that they use it."""

    def __init__(self, vendor: Vendor, announced: bool = True) -> None:
        self.announced = announced
        self.clocks = ClockPage()
        self.symbols: dict[str, dict[str, int]] = {}
        self._vendor = vendor
        self._files: dict[str, ContentFile] = {}

    def map_into(self, space: AddressSpace, abi: Abi) -> int:
        """Maps the image of `abi` and its clocks into `space`; returns where the image is.

        Raises Errno(ENOMEM).
        """
        file = self._file(IMAGES[abi.word])
        clocks = space.choose(0, PAGE_SIZE + file.size)
        self.clocks.show(space, clocks)
        prot, flags = PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED
        base = space.mmap(clocks + PAGE_SIZE, file.size, prot, flags, file, 0, NAME)
        space.vdso_base = base
        return base

    def symbol_32(self, space: AddressSpace, name: str) -> int:
        """Where a symbol of the 32-bit image is in `space`; 0 where there is no image at all.

        In a 64-bit program, which has the other image, the address means nothing: as on Linux.
        """
        if not space.vdso_base:  # a copy of another space
            space.vdso_base = next((r.start for r in space.regions if r.name == NAME), 0)
        if not space.vdso_base:
            return 0
        image = IMAGES[I386.word]
        self._file(image)
        return space.vdso_base + self.symbols[image][name]

    def _file(self, name: str) -> ContentFile:
        if name not in self._files:
            image, symbols = read_image(name), {}
            if name == IMAGES[I386.word]:
                symbols = read_symbols(name)
                image = adapted(image, symbols, self._vendor)
            self.symbols[name] = symbols
            self._files[name] = ContentFile(NAME, image.ljust(page_up(len(image)), b"\0"))
        return self._files[name]
