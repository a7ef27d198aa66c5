"""Once, at the start: page tables, GDT, IDT, TSS, stacks and MSRs of the kernel, and ring 3.

It does by hand what a kernel's start-up code does, so that the first guest instruction is the
program's. Selectors, gates and MSR values are those of Linux. It knows no system call.
SDM 3A, "Processor Management and Initialization": "Initializing IA-32e Mode".
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emu.cpu.state import Segment
from emu.cpu.traps import loaded_segment
from emu.errors import OutOfFrames
from emu.machine import Machine
from emu.memory.pagetables import PageTables
from emu.x86 import descriptors, flags, msrs, paging, registers, vectors
from emu.x86.crossings import INT80_VECTOR
from emu.x86.gates import GATE, GATE_SIZE, interrupt_gate
from kernel_stub import layout
from kernel_stub.entry.constants import CPU_KERNEL_RSP, EXCEPTIONS
from kernel_stub.kallsyms import entry_symbols
from kernel_stub.mm.ldt import LocalTable

_ENTRY: Final = Path(__file__).parent / "entry"
_DATA_BITS: Final = paging.WRITABLE | paging.NO_EXECUTE | paging.ACCESSED | paging.DIRTY

# Vectors that run on a stack of their own, and those that ring 3 may raise by `int n`.
USER_VECTORS: Final = (vectors.BP, vectors.OF, INT80_VECTOR)

# RFLAGS that SYSCALL clears: all that a program could use against the kernel.
SYSCALL_MASK: Final = (
    flags.STATUS
    | flags.TF
    | flags.IF
    | flags.DF
    | flags.IOPL
    | flags.NT
    | flags.RF
    | flags.AC
    | flags.ID
)
# A segment that nobody loads: LSL reads its limit, which is the processor's number: 0.
CPU_NODE_SEGMENT: Final = descriptors.SEGMENT.pack(
    limit=0, type=descriptors.TYPE_READ_ONLY_DATA, s=1, dpl=3, present=1, default_big=1
)
_EFER: Final = msrs.EFER_SCE | msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE
_CR4: Final = registers.CR4_PAE | registers.CR4_OSFXSR | registers.CR4_OSXMMEXCPT
# What is turned on where CPUID shows that it is there.
_CR4_IF_SHOWN: Final = (registers.CR4_FSGSBASE, registers.CR4_OSXSAVE, registers.CR4_SMEP)
_FLAT: Final = 0xFFFF_FFFF


class KernelHalf:
    """The kernel's half of memory. `symbols` maps the entry code's names to addresses."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.tables = PageTables(machine.physical)
        self.symbols = {symbol.name: symbol.address for symbol in entry_symbols()}
        self.stack_top: Final = layout.KERNEL_STACKS + layout.KERNEL_STACK_SIZE
        self._stacks = 0
        self._map_text()
        self.map_data(layout.IDT_BASE, paging.PAGE_SIZE)
        self.map_data(layout.GDT_BASE, paging.PAGE_SIZE)
        self.map_data(layout.TSS_BASE, paging.PAGE_SIZE)  # its bitmaps: later
        self.map_data(layout.PER_CPU, paging.PAGE_SIZE)
        self.map_data(layout.KERNEL_STACKS, layout.KERNEL_STACK_SIZE)
        for ist in layout.IST.values():
            self.map_data(ist_top(ist) - paging.PAGE_SIZE, paging.PAGE_SIZE)
        self._map_espfix_stacks()
        self._write_gdt()
        self._write_idt()
        self._write_tss()
        self.tables.write(layout.PER_CPU + CPU_KERNEL_RSP, self.stack_top.to_bytes(8, "little"))
        self._start_processor()

    def _map_text(self) -> None:
        code = read_image("entry")
        for offset in range(0, len(code), paging.PAGE_SIZE):
            address = layout.KERNEL_TEXT + offset
            self.tables.map(address, self.machine.physical.allocate(), paging.ACCESSED)
            self.tables.write(address, code[offset : offset + paging.PAGE_SIZE])

    def map_data(self, address: int, size: int) -> None:
        """Maps zeroed pages of kernel data. Raises OutOfFrames."""
        for page in range(address, address + size, paging.PAGE_SIZE):
            self.tables.map(page, self.machine.physical.allocate(), _DATA_BITS)

    def _map_espfix_stacks(self) -> None:
        """One page at ESPFIX_PAGE, and read-only in each ESPFIX_STRIDE of ESPFIX_STACKS."""
        self.map_data(layout.ESPFIX_PAGE, paging.PAGE_SIZE)
        frame = self.tables.translate(layout.ESPFIX_PAGE)
        start, (gib, mib_2) = layout.ESPFIX_STACKS, (1 << s for s in paging.LEVEL_SHIFTS[1:3])
        for address in range(start, start + mib_2, layout.ESPFIX_STRIDE):
            self.tables.map(address, frame, _DATA_BITS & ~paging.WRITABLE)
        self.tables.repeat(start, start + gib, mib_2)
        self.tables.repeat(start, start + layout.ESPFIX_SIZE, gib)

    # ---- kernel stacks

    def new_stack(self, number: int) -> int:
        """Maps kernel stack `number`, from 1; returns its top. An unmapped gap lies below each.

        Raises OutOfFrames, with nothing mapped.
        """
        top = self._top(number)
        bottom = top - layout.KERNEL_STACK_SIZE
        try:
            self.map_data(bottom, layout.KERNEL_STACK_SIZE)
        except OutOfFrames:
            for page, entry in list(self.tables.entries(bottom, top)):
                self.tables.unmap(page)
                self.machine.physical.free(entry & paging.ADDRESS_MASK)
            raise
        self._stacks = max(self._stacks, number)
        return top

    @staticmethod
    def _top(number: int) -> int:
        return layout.KERNEL_STACKS + layout.KERNEL_STACK_SIZE * (2 * number + 1)

    def use_stack(self, top: int) -> None:
        """The next crossing from ring 3 begins on the stack whose top is `top`.

        SYSENTER_ESP, which says the same, is the caller's to set.
        """
        where = top.to_bytes(8, "little")
        self.tables.write(layout.TSS_BASE + descriptors.TSS_RSP0, where)
        self.tables.write(layout.PER_CPU + CPU_KERNEL_RSP, where)

    def is_on_a_stack(self, address: int, size: int) -> bool:
        """Whether `size` bytes at `address`, a multiple of 8, lie on a stack of ring 0."""
        size_of_each = layout.KERNEL_STACK_SIZE
        tops = [(self._top(number), size_of_each) for number in range(self._stacks + 1)]
        tops += [(ist_top(ist), paging.PAGE_SIZE) for ist in layout.IST.values()]
        return address % 8 == 0 and any(top - room <= address <= top - size for top, room in tops)

    # ---- the tables that the CPU reads

    def _write_gdt(self) -> None:
        entries = {
            layout.KERNEL32_CS: descriptors.code_segment(0, long=False),
            layout.KERNEL_CS: descriptors.code_segment(0, long=True),
            layout.KERNEL_DS: descriptors.data_segment(0),
            layout.USER32_CS: descriptors.code_segment(3, long=False),
            layout.USER_DS: descriptors.data_segment(3),
            layout.USER_CS: descriptors.code_segment(3, long=True),
            layout.CPU_NODE: CPU_NODE_SEGMENT,
        }
        for selector, descriptor in entries.items():
            self.write_descriptor(selector >> 3, descriptor)
        task = descriptors.SYSTEM.pack_bytes(
            base=layout.TSS_BASE,
            limit=layout.TSS_LIMIT,
            type=descriptors.TYPE_TSS_BUSY,
            present=1,
        )
        self.tables.write(layout.GDT_BASE + layout.TSS_SELECTOR, task)

    def write_descriptor(self, index: int, descriptor: int) -> None:
        """Writes entry `index` of the GDT."""
        self.tables.write(layout.GDT_BASE + 8 * index, descriptor.to_bytes(8, "little"))

    def read_descriptor(self, index: int) -> int:
        """Entry `index` of the GDT."""
        return int.from_bytes(self.tables.read(layout.GDT_BASE + 8 * index, 8), "little")

    def _write_idt(self) -> None:
        handlers = {vector: self.symbols[f"asm_exc_{name}"] for vector, name in EXCEPTIONS.items()}
        handlers[INT80_VECTOR] = self.symbols["entry_INT80_compat"]
        handlers[layout.TIMER_VECTOR] = self.symbols["asm_sysvec_apic_timer_interrupt"]
        for vector, handler in handlers.items():
            dpl = 3 if vector in USER_VECTORS else 0
            gate = interrupt_gate(handler, layout.KERNEL_CS, dpl, layout.IST.get(vector, 0))
            self.tables.write(
                layout.IDT_BASE + GATE_SIZE * vector, gate.to_bytes(GATE.size, "little")
            )

    def _write_tss(self) -> None:
        ists = [ist_top(number) if number in layout.IST.values() else 0 for number in range(1, 8)]
        tss = descriptors.TSS.pack(self.stack_top, 0, 0, *ists, layout.IO_BITMAP_NONE)
        self.tables.write(layout.TSS_BASE, tss)

    # ---- the processor

    def _start_processor(self) -> None:
        engine = self.machine.engine
        shown = sum(bit for bit in _CR4_IF_SHOWN if shows(self.machine, bit))
        engine.enter_long_mode(self.tables.root, _CR4 | shown, _EFER)
        symbols = self.symbols
        values = {
            msrs.STAR: msrs.STAR_LAYOUT.pack(
                syscall_cs=layout.KERNEL_CS, sysret_cs=layout.USER32_CS
            ),
            msrs.LSTAR: symbols["entry_SYSCALL_64"],
            msrs.CSTAR: symbols["entry_SYSCALL_compat"],
            msrs.FMASK: SYSCALL_MASK,
            msrs.SYSENTER_CS: layout.KERNEL_CS,
            msrs.SYSENTER_ESP: self.stack_top,
            msrs.SYSENTER_EIP: symbols["entry_SYSENTER_compat"],
            msrs.GS_BASE: 0,
            msrs.KERNEL_GS_BASE: layout.PER_CPU,
        }
        for number, value in values.items():
            engine.write_msr(number, value)
        state = engine.state
        state.load()
        gdt = Segment(0, layout.GDT_BASE, 8 * layout.GDT_ENTRIES - 1, 0)
        idt = Segment(0, layout.IDT_BASE, 256 * GATE_SIZE - 1, 0)
        busy, no_ldt = map(_system_attributes, (descriptors.TYPE_TSS_BUSY, descriptors.TYPE_LDT))
        task = Segment(layout.TSS_SELECTOR, layout.TSS_BASE, layout.TSS_LIMIT, busy)
        state.set_segment(registers.GDTR, gdt)
        state.set_segment(registers.IDTR, idt)
        state.set_segment(registers.TR, task)
        state.set_segment(registers.LDTR, Segment(0, 0, 0, no_ldt))
        state.store()

    def enter_user(self, rip: int, rsp: int, long: bool) -> None:
        """Puts the CPU into ring 3 as Linux starts a program: registers 0, interrupts on."""
        engine = self.machine.engine
        engine.reset_fpu()
        state = engine.state
        state.load()
        for register in range(16):
            state.words[register] = 0
        state.words[registers.RSP] = rsp
        state.rip = rip
        data = self.loaded(layout.USER_DS)
        others = Segment(0, 0, 0, 0) if long else data
        for number in (registers.DS, registers.ES):
            state.set_segment(number, others)
        for number in (registers.FS, registers.GS):
            state.set_segment(number, Segment(0, 0, 0, 0))
        state.kernel_gs_base = layout.PER_CPU  # for the first SWAPGS
        state.set_cs_ss(self.loaded(layout.USER_CS if long else layout.USER32_CS), data, cpl=3)
        state.set_flags(flags.IF)
        state.store()

    def load_data_segment(self, number: int, selector: int, ldt: LocalTable | None) -> None:
        """DS, ES, FS or GS as ring 3 could load `selector`; null where it could not."""
        self.set_data_segment(number, self._loadable(selector, ldt))

    def set_data_segment(self, number: int, segment: Segment) -> None:
        """DS, ES, FS or GS of ring 3.

        GS's base is the kernel's until SWAPGS: the program's waits in KERNEL_GS_BASE.
        """
        state = self.machine.engine.state
        if number == registers.GS:
            state.kernel_gs_base = segment.base
            segment = segment._replace(base=state.segment(number).base)
        state.set_segment(number, segment)

    def _loadable(self, selector: int, ldt: LocalTable | None) -> Segment:
        descriptor = self.descriptor(selector, ldt)
        if selector > descriptors.RPL and descriptors.decode(descriptor).dpl == descriptors.RPL:
            return loaded_data(selector | descriptors.RPL, descriptor)
        return Segment(selector if selector <= descriptors.RPL else 0, 0, 0, 0)

    def descriptor(self, selector: int, ldt: LocalTable | None) -> int:
        """What `selector` names, in the GDT or in `ldt`; 0 where there is no descriptor."""
        index = selector >> 3
        if selector & descriptors.TABLE_INDICATOR:
            return ldt.entry(index) if ldt is not None else 0
        return self.read_descriptor(index) if index < layout.GDT_ENTRIES else 0

    def loaded(self, selector: int) -> Segment:
        """The segment register as it is after a load of `selector`."""
        return Segment(
            selector, 0, _FLAT, descriptors.attributes(self.read_descriptor(selector >> 3))
        )


def shows(machine: Machine, cr4_bit: int) -> bool:
    """Whether CPUID shows what the bit of CR4 turns on."""
    leaf, register, bit = registers.BITS_OF_CR4[cr4_bit.bit_length() - 1]
    return bool(machine.engine.leaves[leaf][register] >> bit & 1)


def loaded_data(selector: int, descriptor: int) -> Segment:
    """A data segment register after a load of `descriptor`; null if it may not be loaded."""
    fields = descriptors.decode(descriptor)
    is_code = fields.type & descriptors.TYPE_CODE_BIT
    readable = not is_code or fields.type & descriptors.TYPE_READABLE
    if not (fields.s and fields.present and readable):
        return Segment(0, 0, 0, 0)
    return loaded_segment(selector, descriptor)


def _system_attributes(kind: int) -> int:
    """What TR or LDTR keeps of a present system descriptor of type `kind`."""
    return descriptors.attributes(descriptors.SYSTEM.pack(type=kind, present=1))


def ist_top(number: int) -> int:
    """The top of the stack IST `number`; an unmapped page lies below each."""
    return layout.IST_STACKS + 2 * paging.PAGE_SIZE * number


def read_image(name: str) -> bytes:
    """The built image `name` of kernel_stub/entry."""
    return (_ENTRY / f"{name}.bin").read_bytes()


def read_frames() -> bytes:
    """How a debugger unwinds the entry code: its .debug_frame."""
    return (_ENTRY / "entry.frame").read_bytes()
