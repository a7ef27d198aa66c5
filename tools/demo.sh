#!/bin/sh
# The main job on prebuilt programs: each is run, and its exit status must be the right one.
# RINGSCOPE names the command; without it, the one that `make` installed.
set -eu
cd "$(dirname "$0")/.."
ringscope=${RINGSCOPE:-.venv/bin/ringscope}

# show STATUS ARGUMENT...: prints and runs `ringscope ARGUMENT...`, and demands STATUS.
show() {
    right=$1
    shift
    printf '\n$ ringscope %s\n' "$*"
    status=0
    "$ringscope" "$@" 2>&1 || status=$?
    if [ "$status" -ne "$right" ]; then
        printf 'demo: exit status %d, but %d is right\n' "$status" "$right" >&2
        exit 1
    fi
    printf '[exit %d]\n' "$status"
}

show 42 run examples/bin/soft_irq_exit_i386
show 42 stat examples/bin/soft_irq_exit_i386
show 42 stat examples/bin/fast_syscall_64
show 42 stat examples/bin/sysenter_32
show 42 stat -j examples/bin/soft_irq_exit_i386
