# busybox: each applet for text, and those that tell about and control processes.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
b() { t busybox "$@"; }
printf 'pear 3\napple 10\nfig 2\napple 10\n' >fruit; printf 'one\ttwo\n' >tabs
b cat -A tabs; b head -n 2 fruit; b tail -n 1 fruit; b sort -k2n fruit; b sort -u fruit; b nl fruit; b tac fruit
busybox sort fruit | b uniq -c; b wc fruit; b cut -c1-3 fruit; b tr a-z A-Z <fruit; b grep -n -E 'a(p+)' fruit
b egrep -c e fruit; b fgrep -v . fruit; b sed -n '2s/app/APP/p' fruit; b awk '{ n[$1] += $2 } END { print n["apple"] }' fruit
b fold -w 4 fruit; b expand tabs; b unexpand -a tabs; b paste fruit tabs; b comm fruit fruit; b od -An -tx1 tabs
b base64 fruit; b rev fruit; b tee copy <fruit; b printf '%05d %s\n' 42 x; b echo -e 'a\tb'; b expr 6 '*' 7; b factor 360
b seq 5 -2 1; b shuf -n 0 fruit; b xargs -n 2 echo <fruit; yes | b head -n 1; b true; b false; b test 1 -lt 2
b date -u -d @86400 +%F; b cal 2 2020; b env -i A=1 busybox env; b id -u; b whoami; b groups; b uname -s; b arch
b hostid | b wc -l; b logname </dev/null; b tty; b sleep 0.01; b usleep 10; b timeout 1 true
b timeout -s KILL 1 busybox sleep 9; b nice -n 3 busybox nice; b nohup true; b setsid true; b chroot /nowhere; b which busybox
b ps -o pid | b head -n 1; b pidof nothing; b killall nothing; b kill -l 15; b uptime | b wc -l; b free | b head -n 1 | b wc -w
b getopt -o ab: -- -a -b x y; b ipcalc -n 10.1.2.3/16; b mkpasswd -m sha512 -S saltsalt word; b ts <fruit | b wc -l
b time -f %x false; b taskset 1 true; b stty </dev/null; b ttysize; b setpriv --nnp true; b linux32 uname -m
busybox watch -t -n 9 true </dev/null >/dev/null & sleep 0.1; kill $!; wait $!; echo "$?"
b ash -c 'f() { local x=$1; echo "$((x * 2))"; }; f 21; trap "echo bye" EXIT; for i in 1 2 3; do echo $i & done | sort; wait; exit 4'
b sh -c 'cat <<X | tr a-z A-Z
here $((1 + 1))
X
case abc in a*) echo yes ;; esac; echo ${PATH:+set}; read a b <fruit; echo $b; [ "$a" = pear ] && kill -TERM $$'
b nonsense; b vi /nowhere </dev/null 2>&1 | b wc -l >/dev/null; b less -F fruit; b more fruit; b clear | b od -c | b head -n 1 | b wc -l; b reset >/dev/null
b hd fruit; b ipneigh 2>&1 | b wc -l >/dev/null; b start-stop-daemon -K -n nothing; b cksum fruit; b sysctl -n kernel.ostype; b ionice -c 3 true; busybox renice 5 $$; echo "$?"
