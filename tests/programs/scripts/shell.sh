# What a POSIX shell does: expansion, redirection, pipes, subshells, traps, jobs, arithmetic.
say() { printf '%s\n' "$*"; }
count() { say "$#: $1"; }
set -- one 'two three' '' four
count "$@"; count $*; shift 2; count "$*"
x=path/to/file.tar.gz
say ${x##*/} ${x%.*} ${x%%.*} ${#x} ${none:-default} ${x:+set} ${none-}
: ${assigned:=value}; say $assigned
(unset none; : ${none:?is not set}) ; say "status $?"
say $((7 * 6 % 5 << 2)) $((0x1f | 8)) $((-7 / 2)) $((x=3, x > 2 ? 1 : 0)) 2>/dev/null
i=0; while [ $i -lt 5 ]; do i=$((i + 1)); [ $i = 2 ] && continue; [ $i = 5 ] && break; say loop $i; done
for f in *.pl *.nothing; do say $f; done
case $x in *.zip) say zip;; path/*.gz|*.xz) say gz;; esac
cat <<X
here $x $((1 + 1)) $(say substituted)
X
cat <<-'X'
	not expanded $x
	X
say to a file >out; say more >>out; cat <out; wc -l <out
{ say out; say err >&2; } 2>&1 | sort
exec 3>fd3; say by three >&3; exec 3>&-; read line <fd3; say "$line"
say a:b:c | { IFS=: read a b c; say "$c $b $a"; }
(exit 3); say $?
false || say or; true && say and; ! true; say $?
say pipe | tr a-z A-Z | sed 's/P/p/g'
trap 'say on exit $?' EXIT
trap 'say got USR1' USR1; kill -USR1 $$
trap 'say got TERM' TERM; (kill -TERM $$); say after
sleep 0.05 & job=$!
wait $job; say waited $?
(sleep 5) & kill $!; wait $! 2>/dev/null; say killed $?
sh -c 'kill -SEGV $$'; say $?
sh -c 'exit 300'; say $?
/nowhere/program; say $?
./out; say $?
: >empty; chmod +x empty; ./empty; say $?
umask 027; : >masked; ls -l masked | cut -c1-10
cd /usr/bin && pwd; cd - >/dev/null
type cd cat say | sed 's,/.*,...,'
eval 'say evaluated "$x"'
. ./dot.inc; say "$sourced"
set -- $(printf '%s ' 3 1 2); say $3
f() { local x=inner; say $x; return 4; }; f; say $? $x
yes | head -n 1
alias hello='say aliased'
eval hello
getopts ab: option -b value; say $option $OPTARG
printf '%s|%5d|%-5s|%x|%c\n' str 42 left 255 char
test -d . -a ! -f nowhere; say $?
set -e
(false; say never) || say still
set +e; set -u
(say $undefined) 2>/dev/null; say $?
ulimit -n 64; ulimit -n
times >/dev/null; hash cat; unset x; readonly fixed=1
(fixed=2) 2>/dev/null; say $?
exit 5
