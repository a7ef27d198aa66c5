"""The whole state of the CPU as one block of memory: registers, segment caches, CPL, MSRs.

`load` copies the engine's state into the block, `store` puts it back; between the two everything
may be edited, the hidden parts too. Control registers and EFER may only be read here: the engine
has calls that also flush the TLB. It does not know what a crossing is.

The offsets are those of Unicorn 2.1.4's saved context; engine.py proves them before use.
SDM 3A, "Segment Registers" (the hidden part), "Control Registers".
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from emu.x86 import flags
from emu.x86.descriptors import ATTRIBUTE_BIG, ATTRIBUTE_LONG
from emu.x86.registers import CS, DS, ES, FS, SS

# Offsets in bytes from the start of the state. GPRs stand at 0, eight bytes each.
RIP: Final = 128
RFLAGS: Final = 136  # without the status flags and DF, which are evaluated lazily
CC_RESULT: Final = 144  # what the status flags are computed from, by the operation's number
CC_SOURCE: Final = 152
CC_SOURCE_2: Final = 160
CC_OPERATION: Final = 168
DIRECTION: Final = 172
HIDDEN_FLAGS: Final = 176
SEGMENT: Final = 184  # es cs ss ds fs gs ldtr tr gdtr idtr
SEGMENT_STRIDE: Final = 24
CR: Final = 424
EFER: Final = 592
MMX: Final = 624  # MM0 in the lower half of x87's first register, and so on
MMX_STRIDE: Final = 16
MXCSR: Final = 816
XMM: Final = 824
XMM_STRIDE: Final = 64
SYSENTER_CS: Final = 4800
SYSENTER_ESP: Final = 4808
SYSENTER_EIP: Final = 4816
STAR: Final = 4824
LSTAR: Final = 4840
CSTAR: Final = 4848
FMASK: Final = 4856
KERNEL_GS_BASE: Final = 4864
TSC_AUX: Final = 4896
ERROR_CODE: Final = 5384
IS_INT: Final = 5388
NEXT_RIP: Final = 5392
DEBUG: Final = 5400  # DR0 to DR7, eight bytes each
OLD_EXCEPTION: Final = 5496
SIZE: Final = 5568
HEADER: Final = 40  # what the engine's context keeps in front of the state

# The engine's hidden flags that follow from the segment caches.
HIDDEN_CPL: Final = 3
HIDDEN_INHIBIT: Final = 1 << 3  # does not follow from them
HIDDEN_CS32: Final = 1 << 4
HIDDEN_SS32: Final = 1 << 5
HIDDEN_ADDSEG: Final = 1 << 6
HIDDEN_LMA: Final = 1 << 14
HIDDEN_CS64: Final = 1 << 15
_FROM_SEGMENTS: Final = HIDDEN_CPL | HIDDEN_CS32 | HIDDEN_SS32 | HIDDEN_ADDSEG | HIDDEN_CS64

CC_IS_FLAGS: Final = 1  # CC_OPERATION: the status flags stand in CC_SOURCE as they are
_LAZY: Final = flags.STATUS | flags.DF
_NO_EXCEPTION: Final = 0xFFFF_FFFF
_SEGMENT: Final = Struct("<IxxxxQII")
_CS_SS: Final = Struct("<IxxxxQIIIxxxxQII")
_CS_AT: Final = SEGMENT + SEGMENT_STRIDE * CS
FS_BASE: Final = SEGMENT + SEGMENT_STRIDE * FS + 8
_FS_BASE: Final = FS_BASE >> 3
_CS_ATTRIBUTES: Final = _CS_AT + 20 >> 2
_CS_SS_END: Final = _CS_AT + _CS_SS.size
_RIP_TO_HIDDEN: Final = Struct("<5Q3I")  # RIP to HIDDEN_FLAGS
_HIDDEN_64: Final = HIDDEN_CS64 | HIDDEN_CS32 | HIDDEN_SS32
_FLAT_LIMIT: Final = 0xFFFF_FFFF
FLAT_CODE_64: Final = 0x00A0_9B00  # G, L, present, DPL 0, execute/read, accessed
FLAT_DATA: Final = 0x00C0_9300  # G, B, present, DPL 0, read/write, accessed


class Segment(NamedTuple):
    """A segment register with its cache. `attributes`: the descriptor's high dword, masked."""

    selector: int
    base: int
    limit: int
    attributes: int


class CpuState:
    """The block. `words[i]` is GPR i; `words[16]` RIP. Valid between `load` and `store`."""

    def __init__(
        self, block: memoryview, load: Callable[[], None], store: Callable[[], None]
    ) -> None:
        self.raw: Final = block
        self.words: Final = block.cast("Q")
        self.dwords: Final = block.cast("I")
        self.load: Final = load
        self.store: Final = store
        self.is_running = False  # between two runs the engine keeps all of RFLAGS in one place
        self._flat_ring0: dict[int, bytes] = {}  # selector -> CS and SS, packed

    @property
    def rip(self) -> int:
        """The instruction pointer."""
        return self.words[RIP >> 3]

    @rip.setter
    def rip(self, value: int) -> None:
        self.words[RIP >> 3] = value

    @property
    def cpl(self) -> int:
        """The current privilege level."""
        return self.dwords[HIDDEN_FLAGS >> 2] & HIDDEN_CPL

    @property
    def in_64bit_mode(self) -> bool:
        """Whether CS.L is set (64-bit mode, not compatibility mode)."""
        return bool(self.dwords[HIDDEN_FLAGS >> 2] & HIDDEN_CS64)

    @property
    def in_32bit_segment(self) -> bool:
        """Whether CS.D is set, or CS.L (not 16-bit code)."""
        return bool(self.dwords[HIDDEN_FLAGS >> 2] & HIDDEN_CS32)

    @property
    def error_code(self) -> int:
        """The error code of the exception that is being reported."""
        return self.dwords[ERROR_CODE >> 2]

    @property
    def is_int(self) -> bool:
        """Whether the event is an `int n`, `int3` or `into`."""
        return bool(self.dwords[IS_INT >> 2])

    @property
    def next_rip(self) -> int:
        """What stands behind an `int n`."""
        return self.words[NEXT_RIP >> 3]

    @property
    def tsc_aux(self) -> int:
        """What RDTSCP gives in ECX."""
        return self.words[TSC_AUX >> 3] & 0xFFFF_FFFF

    @property
    def fs_base(self) -> int:
        """The MSR FS_BASE: the base in FS's cache."""
        return self.words[_FS_BASE]

    @fs_base.setter
    def fs_base(self, address: int) -> None:
        self.words[_FS_BASE] = address

    @property
    def kernel_gs_base(self) -> int:
        """The MSR KERNEL_GS_BASE, which SWAPGS exchanges with GS's base."""
        return self.words[KERNEL_GS_BASE >> 3]

    @kernel_gs_base.setter
    def kernel_gs_base(self, address: int) -> None:
        self.words[KERNEL_GS_BASE >> 3] = address

    def control(self, number: int) -> int:
        """CR0, CR2, CR3 or CR4."""
        return self.words[(CR >> 3) + number]

    def debug(self, number: int) -> int:
        """DR0 to DR3, DR6 or DR7. The engine must be told of a change by MOV, not by the block."""
        return self.words[(DEBUG >> 3) + number]

    def set_debug(self, number: int, value: int) -> None:
        """DR0 to DR3, DR6 or DR7."""
        self.words[(DEBUG >> 3) + number] = value

    @property
    def is_inhibited(self) -> bool:
        """Whether a MOV SS or POP SS holds off what comes between two instructions."""
        return bool(self.dwords[HIDDEN_FLAGS >> 2] & HIDDEN_INHIBIT)

    def set_cr2(self, address: int) -> None:
        """The address of a page fault."""
        self.words[(CR >> 3) + 2] = address

    @property
    def mxcsr(self) -> int:
        """Control and status of SSE."""
        return self.dwords[MXCSR >> 2]

    @mxcsr.setter
    def mxcsr(self, value: int) -> None:
        self.dwords[MXCSR >> 2] = value

    def xmm(self, number: int) -> int:
        """The 128 bits of XMM0 to XMM15."""
        at = XMM + XMM_STRIDE * number
        return int.from_bytes(self.raw[at : at + 16], "little")

    def mmx(self, number: int) -> int:
        """The 64 bits of MM0 to MM7."""
        return self.words[MMX + MMX_STRIDE * number >> 3]

    def segment(self, number: int) -> Segment:
        """The segment register `number` (ES..GS, LDTR, TR, GDTR, IDTR)."""
        return Segment(*_SEGMENT.unpack_from(self.raw, SEGMENT + SEGMENT_STRIDE * number))

    def selector(self, number: int) -> int:
        """The selector in the segment register `number`."""
        return self.dwords[SEGMENT + SEGMENT_STRIDE * number >> 2]

    def table(self, number: int) -> tuple[int, int]:
        """Base and limit of GDTR, IDTR, LDTR or TR."""
        at = SEGMENT + SEGMENT_STRIDE * number
        return self.words[at + 8 >> 3], self.dwords[at + 16 >> 2]

    def set_segment(self, number: int, segment: Segment) -> None:
        """Sets a segment register; `follow_segments` must come after the last one."""
        _SEGMENT.pack_into(self.raw, SEGMENT + SEGMENT_STRIDE * number, *segment)

    def set_cs_ss(self, cs: Segment, ss: Segment, cpl: int) -> None:
        """Sets CS, SS and the CPL in one go: a change of ring."""
        _CS_SS.pack_into(self.raw, _CS_AT, *cs, *ss)
        self.follow_segments(cpl)

    def enter_flat_ring0(self, selector: int, rip: int, rflags: int) -> None:
        """What SYSCALL and SYSENTER set: flat CS and SS from the selector alone, CPL 0."""
        caches = self._flat_ring0.get(selector)
        if caches is None:
            code = Segment(selector, 0, _FLAT_LIMIT, FLAT_CODE_64)
            data = Segment(selector + 8, 0, _FLAT_LIMIT, FLAT_DATA)
            caches = self._flat_ring0[selector] = _CS_SS.pack(*code, *data)
        self.raw[_CS_AT:_CS_SS_END] = caches
        hidden = self.dwords[HIDDEN_FLAGS >> 2] & ~_FROM_SEGMENTS | _HIDDEN_64
        self._jump(rip, rflags, hidden)

    @property
    def flags_set(self) -> int:
        """RFLAGS as a jump to another ring has just set them."""
        lazy = self.words[CC_SOURCE >> 3] | (flags.DF if self.dwords[DIRECTION >> 2] != 1 else 0)
        return self.words[RFLAGS >> 3] & ~_LAZY | lazy

    def jump(self, rip: int, rflags: int) -> None:
        """Sets RIP and RFLAGS, the lazy ones included. What MOV SS held off is held off no more."""
        self._jump(rip, rflags, self.dwords[HIDDEN_FLAGS >> 2] & ~HIDDEN_INHIBIT)

    def _jump(self, rip: int, rflags: int, hidden: int) -> None:
        """RIP, RFLAGS and the hidden flags, which stand side by side."""
        _RIP_TO_HIDDEN.pack_into(
            self.raw,
            RIP,
            rip,
            (rflags & ~_LAZY if self.is_running else rflags) | flags.FIXED,
            0,
            rflags & flags.STATUS,
            0,
            CC_IS_FLAGS,
            0xFFFF_FFFF if rflags & flags.DF else 1,
            hidden,
        )

    def follow_segments(self, cpl: int) -> None:
        """Derives the hidden flags from the segment caches and sets the CPL."""
        hidden = self.dwords[HIDDEN_FLAGS >> 2] & ~_FROM_SEGMENTS | cpl
        code = self.dwords[_CS_ATTRIBUTES]
        if code & ATTRIBUTE_LONG:
            hidden |= _HIDDEN_64
        else:
            hidden |= self._compatibility_flags(code)
        self.dwords[HIDDEN_FLAGS >> 2] = hidden

    def _compatibility_flags(self, code: int) -> int:
        hidden = HIDDEN_CS32 if code & ATTRIBUTE_BIG else HIDDEN_ADDSEG
        stack = self.segment(SS)
        if stack.attributes & ATTRIBUTE_BIG:
            hidden |= HIDDEN_SS32
        if stack.base | self.segment(DS).base | self.segment(ES).base:
            hidden |= HIDDEN_ADDSEG
        return hidden

    def set_flags(self, value: int) -> None:
        """Sets RFLAGS, the lazy ones included."""
        self.jump(self.rip, value)

    @property
    def written_flags(self) -> int:
        """RFLAGS as `jump` wrote them; what the engine evaluates lazily is not known here."""
        direction = flags.DF if self.dwords[DIRECTION >> 2] == 0xFFFF_FFFF else 0
        status = self.words[CC_SOURCE >> 3] & flags.STATUS
        return self.words[RFLAGS >> 3] & ~_LAZY | status | direction

    def set_trap_flag(self, on: bool) -> None:
        """TF alone; the other flags stay as they are."""
        rflags = self.words[RFLAGS >> 3]
        self.words[RFLAGS >> 3] = rflags | flags.TF if on else rflags & ~flags.TF

    def forget_exception(self) -> None:
        """Tells the engine that its exception was delivered, so that the next makes no #DF."""
        self.dwords[OLD_EXCEPTION >> 2] = _NO_EXCEPTION
