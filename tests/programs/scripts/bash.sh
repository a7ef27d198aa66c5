# What bash adds to a shell, and how its parts work together.
set -o pipefail
shopt -s extglob nullglob

section() { printf '\n-- %s\n' "$*"; }
fail() { echo "error: $*" >&2; return 1; }

section arrays
numbers=(5 3 9 1)
numbers+=(7)
echo "${numbers[@]}" "${#numbers[@]}" "${numbers[-1]}" "${numbers[@]:1:2}" "${!numbers[@]}"
unset 'numbers[1]'
echo "${!numbers[@]}"
declare -A ages=([ann]=31 [bob]=27)
ages[cid]=44
for name in $(printf '%s\n' "${!ages[@]}" | sort); do
    printf '%s is %d\n' "$name" "${ages[$name]}"
done
[[ -v ages[bob] && ! -v ages[dan] ]] && echo "bob, but no dan"
mapfile -t lines < <(printf 'one\ntwo\nthree\n')
echo "${#lines[@]} ${lines[2]}"
matrix=()
for ((row = 0; row < 3; row++)); do
    for ((column = 0; column < 3; column++)); do
        matrix[row * 3 + column]=$((row * column))
    done
done
echo "${matrix[*]}"

section expansion
text="The Quick brown Fox"
echo "${text,,}" "${text^^}" "${text/Quick/slow}" "${text//o/0}" "${text:4:5}" "${text: -3}"
echo {a..e} {1..10..3} pre{one,two}post
echo "${text@Q}" $'tab\tand\x41'
path=/usr/share/doc/bash/README.gz
echo "${path##*/}" "${path%.*}" "${path#/*/}" "${path/%gz/xz}"
indirect=text
echo "${!indirect}" "${#path}"
printf -v padded '%08.3f' 3.14159
echo "$padded"
printf '%(%Y-%m-%d)T\n' 86400
echo $((2 ** 10)) $((16#ff)) $((5 & 3 | 8)) $((RANDOM >= 0))

section functions
factorial() {
    local n=$1
    if ((n <= 1)); then echo 1; return; fi
    echo $((n * $(factorial $((n - 1)))))
}
echo "5! is $(factorial 5)"
fibonacci() {
    local -i a=0 b=1 i
    for ((i = 0; i < $1; i++)); do
        ((b += a, a = b - a))
    done
    REPLY=$a
}
fibonacci 30; echo "$REPLY"
with_reference() { local -n target=$1; target=changed; }
value=old; with_reference value; echo "$value"
fail "a function's status" || echo "status $?"
apply() { local f=$1; shift; "$f" "$@"; }
apply printf '<%s>' x y z; echo

section tests
for word in apple 42 3.5 '' ; do
    if [[ $word =~ ^[0-9]+$ ]]; then echo "integer $word"
    elif [[ $word == a* ]]; then echo "starts with a: $word"
    elif [[ -z $word ]]; then echo empty
    else echo "other $word"; fi
done
[[ 2023-04-05 =~ ^([0-9]{4})-([0-9]+)-([0-9]+)$ ]] && echo "${BASH_REMATCH[@]:1}"
case xyzzy in
    @(x|y)*) echo first ;;&
    *zz*) echo second ;;&
    nothing) echo third ;;
esac
[[ abc < abd ]] && echo ordered

section here-documents
name=world
cat <<END | tr a-z A-Z
hello $name
$(echo nested; cat <<INNER
inner $((6 * 7))
INNER
)
END
cat <<'END'
nothing $is `expanded`
END
read -r first rest <<<"a here string"
echo "$rest / $first"
while IFS=, read -r a b; do echo "$b,$a"; done <<END
1,2
3,4
END

section pipes
printf '%s\n' pear apple fig | sort | nl | tee copy.txt | tail -n 1
false | true; echo "pipefail $? ${PIPESTATUS[*]}"
(exit 3) | (exit 5) | cat; echo "${PIPESTATUS[@]}"
diff <(printf 'a\nb\n') <(printf 'a\nc\n'); echo "diff $?"
echo into a process > >(cat >process.txt); wait $!; cat process.txt
{ echo stdout; echo stderr >&2; } 2>&1 >/dev/null | sed 's/^/caught: /'
exec {descriptor}>descriptor.txt
echo written >&"$descriptor"; exec {descriptor}>&-
cat descriptor.txt
echo {1..20000} | wc -w
echo "$(<copy.txt)" | head -n 1

section traps
trap 'echo "USR1 arrived"' USR1
kill -USR1 $$
kill -USR1 $BASHPID
on_return() { trap 'echo returning; trap - RETURN' RETURN; echo body; }
on_return
(trap 'echo "subshell ends with $?"' EXIT; exit 9); echo $?
(trap '' TERM; kill -TERM $BASHPID; echo "TERM was ignored")
(set -e; trap 'echo "ERR at a false"' ERR; false; echo never)
echo "status $?"
trap 'echo HUP' HUP; bash -c 'kill -HUP $PPID'
trap - USR1 HUP

section jobs
for i in 1 2 3; do
    { sleep "0.0$((5 - i))"; echo "job $i" >"job.$i"; exit "$i"; } &
    pids[i]=$!
done
for i in 3 1 2; do wait "${pids[i]}"; echo "job $i ended with $?: $(<job.$i)"; done
sleep 10 & victim=$!
kill -TERM "$victim"; wait "$victim" 2>/dev/null; echo "victim $?"
(sleep 0.01; exit 4) & wait -n; echo "wait -n $?"
jobs; wait; echo "all done $?"
coproc upper { while read -r line; do echo "${line^^}"; done; }
echo "to a coprocess" >&"${upper[1]}"
read -r answer <&"${upper[0]}"; echo "$answer"
exec {upper[1]}>&-; wait "$upper_PID"; echo "coprocess $?"

section time-outs
read -r -t 0.05 nothing < <(sleep 0.3); echo "read $?"
SECONDS=100; ((SECONDS >= 100)) && echo "seconds count"
TIMEFORMAT=; time :

section limits
(ulimit -f 1; trap '' XFSZ; head -c 5000 /dev/zero >big.bin 2>/dev/null; echo "$?"); stat -c %s big.bin
(ulimit -n 10; exec 9<bash.sh 2>/dev/null; echo "open $?")
bash -c 'cd /nowhere' 2>&1 | sed 's/^.*cd/cd/'
bash -n <<<'if then' 2>/dev/null; echo "syntax $?"
bash --norc --noprofile -c 'echo "$0 $# $-"' zero one two
env -i "$BASH" -c 'echo "${PATH:+a path} $SHLVL"'

section globs
touch a.c b.c c.h 'with space.c'
echo *.c !(*.c|*.h|*.txt|*.sh|*.p*|*.inc|*.lua|job*|*.bin)
for f in *.none; do echo "never $f"; done
shopt -s dotglob globstar; mkdir -p deep/er; touch deep/er/.hidden
echo deep/**
rm -r deep a.c b.c c.h
exit 17
