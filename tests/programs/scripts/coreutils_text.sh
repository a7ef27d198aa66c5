# Each program of coreutils that reads and writes text; and sums, numbers, names of the system.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
seq 1 12 >n
printf 'pear 3\napple 10\nfig 2\napple 10\nÄpfel 7\n' >fruit
printf 'apple red\nfig blue\n' >colours
printf 'one\ttwo\n    four spaces and more words than fit in a narrow line of text\n' >tabs
t cat -A tabs fruit
t cat nowhere
t tac n
t nl -ba -w3 fruit
t head -n -9 n
t head -c 7 fruit
t tail -n 2 n
t tail -n +11 n fruit
t sort fruit
t sort -k2,2n -k1,1r fruit
t sort -u -t' ' -k1,1 -o sorted fruit
t sort -c fruit
t uniq -c sorted
sort fruit | t uniq -d
t comm -12 sorted fruit
sort colours | t join - sorted
t paste -d, n fruit
t paste -s n
t cut -d' ' -f2 fruit
t cut -c1-3,5 fruit
t tr a-y b-z <fruit
t tr -cd 0-9 <fruit
t fold -w 20 -s tabs
t fmt -w 30 tabs
t expand -t 4 tabs
t unexpand -a tabs
t pr -t -2 -l 6 n
t ptx -w 40 colours
t od -An -tx1z -N 24 fruit
t od -c tabs
t base64 fruit
base64 fruit | t base64 -d
t base32 colours
t basenc --base16 colours
t md5sum fruit
t sha1sum fruit
t sha224sum fruit
t sha256sum fruit
t sha384sum fruit
t sha512sum fruit
t b2sum fruit
t cksum fruit
t sum fruit
sha256sum fruit colours >sums; echo x >>colours
t sha256sum -c sums
t wc fruit n
t tsort <<X
a b
b c
a c
X
t shuf -i 1-5 -n 0
t shuf -e same same same
t seq -s, -w 8 11
t seq 1 .5 3
t seq 3 1
t factor 1234567890 97 18446744073709551557
t numfmt --to=iec 123456789
t numfmt --from=si 12K x
t expr 6 '*' 7
t expr length abc : ab
t expr 1 / 0
t printf '%05d|%-6s|%x|%.3f|%q\n' 42 ab 255 3.14159 'a b'
t printf '%d\n' x
t echo -e 'a\tb\c' never
t date -u -d '2021-03-04 05:06:07 + 3 days' '+%A %F %T %j'
t date -u -d @1234567890 +%c
t date -d never
t env -i A=1 B=2 env
t env -u HOME printenv HOME
t printenv PATH
t nproc --ignore=1000
t uname -s
t arch
t id -u
t whoami
t groups
t logname </dev/null
t tty </dev/null
t stty </dev/null
t users /dev/null
t who /dev/null
t nice -n 5 nice
t timeout 0.2 sleep 5
t timeout --preserve-status -s INT 0.1 sleep 5
t timeout 10 false
t sleep 0.01
t stdbuf -oL cat n
yes | t head -n 2
yes 'no no' | head -c 100000 | t cksum
t true
t false
t test 3 -gt 2
t [ a = b ]
t [ a
t chcon
t runcon context true
t kill -l 9
t who --nonsense
head -c 300000 /dev/zero | tr '\0' 'x' | t md5sum
seq 1 20000 | sort -rn | t tail -n 1
seq 1 20000 | split -l 5000 --filter='wc -l' -
