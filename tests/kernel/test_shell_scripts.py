"""Scripts for dash, bash and busybox end as natively: pipes, jobs, traps, what a shell asks for.

Each script is one table row, run by the host's kernel and in the machine; output and status agree.
No script depends on time or on pids.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.programs import MACHINE, ROOT
from tests.oracle import host

SHELLS: Final = {"dash": ("dash",), "bash": ("bash", "--norc"), "busybox": ("busybox", "sh")}

SCRIPTS: Final = {
    "a pipe of three": "printf '%s\\n' c a b | sort | tr a-c A-C; echo $?",
    "the status of a pipe is its last": "false | true; echo $?; true | false; echo $?",
    "a reader that ends early": "yes | head -n 2; echo $?",
    "a here-document": (
        "x=7; cat <<END | tr a-z A-Z\nvalue $x `echo two`\nEND\ncat <<'END'\n$x\nEND"
    ),
    "a large here-document": (
        "i=0; t=line; while [ $i -lt 13 ]; do t=$t$t; i=$((i+1)); done\ncat <<END | wc -c\n$t\nEND"
    ),
    "command substitution, nested": 'echo "$(echo $(echo a; echo b) | wc -w)$(exit 4)"; echo $?',
    "a subshell has its own": 'x=1; (x=2; cd /; exit 3); echo $x $?; [ "$PWD" != / ] && echo here',
    "background jobs and wait": (
        "(exit 3) & a=$!; (exit 4) & b=$!; wait $a; echo $?; wait $b; echo $?; wait; echo $?"
    ),
    "wait for what is no child": "wait 999999; echo $?",
    "a trap at the end": "trap 'echo bye $?' EXIT; echo work; exit 5",
    "a trap of a signal": "trap 'echo got it' USR1; kill -USR1 $$; echo after; kill -USR1 $$",
    "an ignored signal is ignored by children": (
        "trap '' TERM; sh -c 'kill -TERM $$; echo alive'\n"
        "trap - TERM; sh -c 'kill -TERM $$'; echo $?"
    ),
    "a trap interrupts wait": (
        "trap 'echo trapped' USR1; (sleep 0.1; kill -USR1 $$) & sleep 5 & s=$!\n"
        "wait $s; echo $?; kill $s; wait $s 2>/dev/null; echo $?"
    ),
    "a child killed by a signal": "sh -c 'kill -KILL $$'; echo $?; sh -c 'kill -SEGV $$'; echo $?",
    "a stopped child goes on": (
        "sh -c 'kill -STOP $$; exit 6' & p=$!; sleep 0.1; kill -CONT $p; wait $p; echo $?"
    ),
    "descriptors": (
        "exec 3>&1 4</dev/null; echo to three >&3; { echo err >&2; echo out; } 2>&1 | sort\n"
        "exec 3>&-; echo lost 2>/dev/null >&3; echo $?; read x <&4; echo $?"
    ),
    "files": (
        "cd ${TMPDIR:-/tmp}; d=ringscope.$$; mkdir $d && cd $d; echo one >f; echo two >>f; cat f\n"
        "wc -l <f; for n in f g; do [ -e $n ] && echo $n; done; ls; cd ..; rm -r $d; echo $?"
    ),
    "what is not found, and what is no program": (
        "no-such-command 2>/dev/null; echo $?\n"
        "/etc/passwd 2>/dev/null; echo $?; / 2>/dev/null; echo $?"
    ),
    "functions and recursion": (
        "f() { [ $1 -le 1 ] && echo 1 && return; echo $(($1 * $(f $(($1 - 1))))); }; f 6"
    ),
    "exec takes the shell's place": "echo before; exec sh -c 'echo instead; exit 8'; echo never",
    "a loop reads a pipe": (
        "printf '1 a\\n2 b\\n' | while read n w; do echo $w$n; done; echo ${n:-unset}"
    ),
    "umask and limits": "umask; umask 077; umask; ulimit -n 50; ulimit -n; ulimit -c",
    "job control": (
        "set -m; sleep 5 & sleep 6 & kill %1; wait %1 2>/dev/null; echo $?; "
        "kill %2; wait %2 2>/dev/null; echo $?; wait; echo $?"
    ),
    "a job of a group of its own": (
        "set -m; (sleep 5 | sleep 5) & p=$!; sleep 0.1\n"
        "kill -TERM -$p; wait $p 2>/dev/null; echo $?"
    ),
    "times are told": "times >/dev/null; echo $?",
}

ONLY_BASH: Final = {
    "arrays and PIPESTATUS": (
        'a=(x "y z"); a+=(w); echo ${#a[@]} "${a[1]}"; false | true; echo ${PIPESTATUS[@]}'
    ),
    "process substitution": "diff <(echo a) <(echo b); echo $?; cat <(echo in) > >(cat); sleep 0.1",
    "a coprocess": "coproc cat; echo hello >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x",
    "wait -n": "(exit 3) & wait -n; echo $?",
    "a here-string": "tr a b <<<banana",
    "the ERR trap": "trap 'echo failed' ERR; false; true; echo on",
    "/dev/fd and /proc/self": "read x </proc/self/comm; echo $x; echo y | cat /dev/fd/0",
}
ROWS: Final = [
    *((shell, name, script) for name, script in SCRIPTS.items() for shell in SHELLS),
    *(("bash", name, script) for name, script in ONLY_BASH.items()),
]


@pytest.mark.parametrize(
    ("shell", "script"), [row[::2] for row in ROWS], ids=[f"{row[0]}: {row[1]}" for row in ROWS]
)
def test_a_script_ends_as_natively(shell: str, script: str, tmp_path: Path) -> None:
    command = SHELLS[shell]
    if shutil.which(command[0]) is None or not host.is_x86_64_linux():
        pytest.skip(f"needs {command[0]} and Linux on x86_64")
    path = tmp_path / "script"
    path.write_text(f"{script}\n")
    native = host.run([*command, path], cwd=tmp_path)
    here = host.run([*MACHINE, *command, path], cwd=ROOT)
    assert (here.stdout.splitlines(), here.status) == (native.stdout.splitlines(), native.status)
    assert native.stdout
