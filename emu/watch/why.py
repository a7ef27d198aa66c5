"""Why an instruction of ring 3 did not run: the check that failed, its inputs, its chapter.

The engine reports a vector and an error code only. Here the instruction is read once more, and its
check is made again as the manual has it; a delivery that was refused tells its own. What no check
explains is called unknown. It runs after the fact, once, and changes nothing.
SDM 3A, "Protection", "Exception and Interrupt Reference".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

from emu.events import Cause, Refused
from emu.memory import walk
from emu.memory.physical import PhysicalMemory
from emu.watch.disasm import decode
from emu.x86 import checks, error_codes, flags, paging, registers, vectors
from emu.x86.checks import Check, Inputs
from emu.x86.instructions import LOCK, LONGEST, RIP, Instruction, MemoryOperand, opcode_at

_MASK64: Final = (1 << 64) - 1
_LOW: Final = 0xFFFF_FFFF
_PARTS: Final = registers.parts()

_PRIVILEGED: Final = frozenset(
    "hlt clts invd wbinvd invlpg lgdt lidt lldt ltr lmsw rdmsr wrmsr rdpmc swapgs sysretq sysret "
    "sysexit sysexitq xsetbv monitor mwait invpcid".split()
)
_CONTROL: Final = ("cr", "dr")
_FLAG: Final = frozenset(("cli", "sti"))
_PORTS: Final = frozenset("in out insb insw insd outsb outsw outsd".split())
_JUMPS: Final = frozenset(("jmp", "call"))
_CALLS: Final = frozenset(("lcall", "ljmp", "far call", "far jmp"))
_RETURNS: Final = frozenset("iret iretd iretq retf retfq".split())
_SEGMENTS: Final = frozenset(("ds", "es", "fs", "gs"))
_STACK: Final = ("push", "pop", "call", "ret", "enter", "leave", "iret")
_PAGE_LEVELS: Final = ("PML4E", "PDPTE", "PDE", "PTE")

Finding: TypeAlias = tuple[Check, Inputs]


class Fault(NamedTuple):
    """An exception of ring 3, as the kernel finds it saved. `bases`: of FS and GS.

    `address` is CR2 for a page fault, else None.
    """

    vector: int
    error_code: int | None
    rip: int
    rflags: int
    long: bool
    address: int | None
    registers: Mapping[str, int]
    bases: Mapping[str, int]


class Scene(NamedTuple):
    """What the checks may look at."""

    fault: Fault
    instruction: Instruction | None
    ram: PhysicalMemory
    cr3: int


def explain(fault: Fault, ram: PhysicalMemory, cr3: int, refusals: Iterable[Refused] = ()) -> Cause:
    """The cause of `fault`; `refusals` are those that deliveries made before it."""
    scene = Scene(fault, _instruction(fault, ram, cr3), ram, cr3)
    refused = next((one for one in reversed([*refusals]) if _is_of(one, fault)), None)
    if refused is not None:
        check, inputs = Check(refused.check, refused.manual), refused.inputs
    else:
        check, inputs = _CHECKS.get(fault.vector, _unknown)(scene)
    return Cause(
        vector=fault.vector,
        error_code=fault.error_code,
        rip=fault.rip,
        address=fault.address,
        instruction=scene.instruction.text if scene.instruction else "",
        check=check.name,
        inputs=inputs,
        manual=check.manual,
    )


def _is_of(refused: Refused, fault: Fault) -> bool:
    made = refused.raised, refused.error_code, refused.from_rip
    return made == (fault.vector, fault.error_code, fault.rip)


def _instruction(fault: Fault, ram: PhysicalMemory, cr3: int) -> Instruction | None:
    """The instruction that faulted. A trap's stands before RIP, that of a fetch cannot be read."""
    if vectors.TABLE[fault.vector].kind == vectors.TRAP or _is_fetch(fault):
        return None
    code = walk.read_part(ram, cr3, fault.rip, LONGEST)
    return next(iter(decode(code, fault.rip, fault.long)), None)


def _is_fetch(fault: Fault) -> bool:
    return fault.vector == vectors.PF and bool((fault.error_code or 0) & paging.PF_FETCH)


# ---- the checks of each vector


def _unknown(scene: Scene) -> Finding:
    return checks.unknown(scene.fault.vector), ()


def _page_fault(scene: Scene) -> Finding:
    """The check that the access fails, and the entry of the walk that makes it fail."""
    address = scene.fault.address or 0
    where = ("address", address)
    entries = dict(zip(_PAGE_LEVELS, walk.entries(scene.ram, scene.cr3, address), strict=False))
    for check, refuses in _page_checks(scene.fault.error_code or 0):
        for level, entry in entries.items():
            if refuses(entry):
                return check, (where, (level, entry))
    return checks.unknown(vectors.PF), (where,)


def _page_checks(code: int) -> list[tuple[Check, Callable[[int], bool]]]:
    """What an access with the error code `code` must pass, and which entries refuse it."""
    if not code & paging.PF_PRESENT:
        return [(checks.PAGE_PRESENT, lambda entry: not entry & paging.PRESENT)]
    rights: list[tuple[Check, Callable[[int], bool]]] = [
        (checks.PAGE_USER, lambda entry: not entry & paging.USER)
    ]
    if code & paging.PF_WRITE:
        rights.append((checks.PAGE_WRITABLE, lambda entry: not entry & paging.WRITABLE))
    if code & paging.PF_FETCH:
        rights.append((checks.PAGE_EXECUTE, lambda entry: bool(entry & paging.NO_EXECUTE)))
    return rights


def _protection(scene: Scene) -> Finding:
    """#GP, #SS, #NP and #TS of an instruction."""
    fault, instruction = scene.fault, scene.instruction
    if not paging.is_canonical(fault.rip):
        return checks.CODE_CANONICAL, (("RIP", fault.rip),)
    if instruction is None:
        return _unknown(scene)
    if fault.error_code:
        return _selector(scene, instruction)
    return _privilege(fault, instruction) or _address(fault, instruction) or _unknown(scene)


def _selector(scene: Scene, instruction: Instruction) -> Finding:
    """The error code names a selector: what the instruction wanted with it."""
    name, code = instruction.mnemonic, scene.fault.error_code or 0
    inputs: Inputs = (("selector", code & 0xFFFC), ("CPL", 3))
    if code & error_codes.IDT:
        return _unknown(scene)
    if scene.fault.vector == vectors.NP:
        return checks.SELECTOR_PRESENT, inputs
    if name in _CALLS:
        return checks.FAR_TRANSFER, inputs
    if name in _RETURNS:
        return checks.FAR_RETURN, inputs
    if "ss" in instruction.registers or name == "lss":
        return checks.STACK_SEGMENT, inputs
    if _SEGMENTS & {*instruction.registers, name[1:]}:
        return checks.DATA_SEGMENT, inputs
    return _unknown(scene)


def _privilege(fault: Fault, instruction: Instruction) -> Finding | None:
    """What CPL and IOPL forbid."""
    name = instruction.mnemonic
    iopl = fault.rflags >> flags.IOPL_SHIFT & 3
    if name in _PRIVILEGED or any(one.startswith(_CONTROL) for one in instruction.registers):
        return checks.PRIVILEGED, (("CPL", 3),)
    if name in _FLAG and iopl < 3:
        return checks.INTERRUPT_FLAG, (("CPL", 3), ("IOPL", iopl))
    if name in _PORTS and iopl < 3:
        port = (*instruction.immediates, fault.registers["rdx"] & 0xFFFF)[0]
        return checks.PORT, (("port", port), ("CPL", 3), ("IOPL", iopl))
    return None


def _address(fault: Fault, instruction: Instruction) -> Finding | None:
    """An address that is not canonical: a jump's target, a memory operand's, the stack's."""
    if instruction.mnemonic in _JUMPS and instruction.registers:
        target = _value(fault, instruction.registers[0])
        if not paging.is_canonical(target):
            return checks.CODE_CANONICAL, (("RIP", target),)
    for operand in instruction.memory:
        address = _linear(fault, operand, fault.rip + instruction.length)
        if not paging.is_canonical(address):
            return checks.DATA_CANONICAL, (("address", address),)
    stack = fault.registers["rsp"]
    if instruction.mnemonic.startswith(_STACK) and not paging.is_canonical(stack):
        return checks.DATA_CANONICAL, (("RSP", stack),)
    return None


def _divide(scene: Scene) -> Finding:
    """The divisor decides: 0, or too small for the quotient."""
    divisor = _divisor(scene)
    if divisor is None:
        return _unknown(scene)
    return (checks.QUOTIENT if divisor else checks.DIVISOR), (("divisor", divisor),)


def _divisor(scene: Scene) -> int | None:
    fault, instruction = scene.fault, scene.instruction
    if instruction is None:
        return None
    if instruction.registers:
        return _value(fault, instruction.registers[0])
    for operand in instruction.memory:
        address = _linear(fault, operand, fault.rip + instruction.length)
        with suppress(walk.WalkFault):
            found = walk.read(scene.ram, scene.cr3, address, operand.size)
            return int.from_bytes(found, "little")
    return None


def _undefined(scene: Scene) -> Finding:
    code = walk.read_part(scene.ram, scene.cr3, scene.fault.rip, LONGEST)
    prefixes = code[: opcode_at(code.ljust(LONGEST + 1, b"\0"), 0, scene.fault.long)]
    return (checks.LOCK if LOCK in prefixes else checks.OPCODE), ()


def _alignment(scene: Scene) -> Finding:
    """The first named operand, or the stack."""
    fault, found = scene.fault, scene.instruction
    if found is None or not found.memory:
        return checks.ALIGNMENT, (("RSP", fault.registers["rsp"]),)
    address = _linear(fault, found.memory[0], found.end)
    return checks.ALIGNMENT, (("address", address), ("size", found.memory[0].size))


def _always(check: Check) -> Callable[[Scene], Finding]:
    return lambda _scene: (check, ())


_CHECKS: Final[Mapping[int, Callable[[Scene], Finding]]] = {
    vectors.DE: _divide,
    vectors.DB: _always(checks.SINGLE_STEP),
    vectors.BP: _always(checks.BREAKPOINT),
    vectors.OF: _always(checks.OVERFLOW),
    vectors.BR: _always(checks.BOUNDS),
    vectors.UD: _undefined,
    vectors.TS: _protection,
    vectors.NP: _protection,
    vectors.SS: _protection,
    vectors.GP: _protection,
    vectors.PF: _page_fault,
    vectors.AC: _alignment,
    vectors.XM: _always(checks.SIMD),
}


# ---- the values of operands


def _value(fault: Fault, name: str) -> int:
    part = _PARTS[name]
    return fault.registers[part.whole] >> part.shift & part.mask


def _linear(fault: Fault, operand: MemoryOperand, next_rip: int) -> int:
    """The linear address of `operand`."""
    address = operand.displacement
    if operand.segment is not None:
        address += fault.bases.get(registers.SEGMENTS[operand.segment], 0)
    for number, scale in ((operand.base, 1), (operand.indexed_by, operand.scale)):
        if number == RIP:
            address += next_rip
        elif number is not None:
            address += scale * fault.registers[registers.GPRS[number]]
    return address & (_MASK64 if fault.long else _LOW)
