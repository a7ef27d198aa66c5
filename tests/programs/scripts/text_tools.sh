# grep, sed, gawk, mawk, diff and cmp on a text of 2,000 lines.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
gawk 'BEGIN { srand(7); for (i = 1; i <= 2000; i++) printf "%d %s %s\n", i, (i % 7 ? "word" : "seven"), strftime("%F", i * 86400, 1) }' >text
t grep -c seven text
t grep -n -E '^(7|14|1[0-9]{3}) .*-0(1|2)-01$' text
t grep -m 2 -i -A 1 -B 1 SEVEN text
t grep -oP '\b19(?=7\d-12-31)\d\d' text
t grep -r --include='*.inc' -l sourced .
t grep -q nothing text
t grep '[' text
t sed -n '1p;$p;5,7{s/word/WORD/;p}' text
sed -e ':a' -e '$!{N;ba}' -e 's/\n/,/g' text | t wc -c
t sed -E 's/^([0-9]+) (\w+) (.*)$/\3 \1/;10q' text
t sed -i.bak -e '11,$d' text
t sed 'y/abc/xyz/;=' text
t cmp text text.bak
t diff -u text /dev/null
t diff -rq . .
for awk in gawk mawk; do
    $awk -F'[ -]' '{ n[$3 % 10]++; sum += $1 } END { for (k in n) c++; print c, sum, NR, length("text") }' text.bak
    $awk '/seven/ { gsub(/e/, "E"); print toupper($2), substr($3, 1, 4); if (++k == 3) exit 3 }' text.bak; echo "[$?]"
    $awk 'BEGIN { printf "%.6f %5.2e %d %c|%-5s|\n", atan2(0, -1), 12345.678, 3.99, 65, "ab"; while (("echo from a command" | getline line) > 0) print line; system("exit 3"); print match("foobar", "o+"), RSTART, RLENGTH; n = split("a:b:c", p, ":"); print n, p[3] }'
done
t gawk '{ print > "part." ($1 % 2) } END { close("part.0"); print gensub(/(.)(.)/, "\\2\\1", "g", "abcd"); print strtonum("0x1F"), PROCINFO["version"] != "" }' text
t gawk 'BEGIN { a["x"] = 3; a["y"] = 1; a["z"] = 2; PROCINFO["sorted_in"] = "@val_num_asc"; for (k in a) print k, a[k] }'
t gawk 'BEGIN { print 2 ** 0.5, int(-3.7), log(10), 1e300 * 1e300; print substr("hello", 0), index("abc", "c") }'
t gawk 'syntax error {'
