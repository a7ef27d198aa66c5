# busybox: each applet that makes, packs, changes or tells about files, without network and root.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
b() { t busybox "$@"; }
umask 022; T=$TMPDIR
b seq 1 3000 >numbers
b mkdir -p a/b/c
b cp numbers a/copy; b ln -s copy a/link; b ln a/copy a/hard; b mv a/hard a/b/moved
b touch -d '2020-02-02 02:02:02' a/copy; b chmod 640 a/copy; b chown "$(id -u):$(id -g)" a/copy; b chgrp "$(id -g)" a/copy
b ls -l a/copy | b tr -s ' ' | b cut -d' ' -f1,5
b stat -c '%n %F %s %a %Y' a/copy; b readlink -f a/link | b basename "$(cat)"; b realpath a/link | b wc -l
b dirname a/b/c; b du -s -b . >/dev/null; b find a -type f -name 'm*' -exec busybox wc -l {} ';'
b truncate -s 10 short; b fallocate -l 2000 long; b dd if=numbers of=dd bs=7 count=2 2>/dev/null; b cat dd
b split -l 1500 numbers part.; b wc -l part.aa part.ab; b shred -n 1 -u part.aa; b cmp numbers a/copy; b diff numbers short
b install -m 700 short a/installed; b mkfifo "$T/fifo"; b mknod "$T/node" p; b test -p "$T/node"; b [ -d a ]; b [[ a = b ]]
b mktemp -u nothing; b sync; b sum numbers; b cksum numbers; b crc32 numbers; b md5sum numbers; b sha1sum numbers
b sha256sum numbers; b sha512sum numbers; b sha3sum numbers; b md5sum numbers >sums; b md5sum -c sums
b tar -cf t.tar a/b numbers; b tar -tf t.tar; b tar -xOf t.tar numbers | b tail -n 1; rm t.tar
b gzip -k numbers; b gunzip -t numbers.gz; b zcat numbers.gz | b md5sum; b bzip2 -k numbers; b bzcat numbers.bz2 | b md5sum
b bunzip2 -t numbers.bz2; b lzop -c numbers >numbers.lzo; b lzop -dc numbers.lzo | b md5sum
echo numbers | busybox cpio -o -H newc 2>/dev/null | b cpio -t; b ar -t /nowhere.a; b unzip -l /nowhere.zip
busybox xz -dc /nowhere; b unxz -t short; b unlzma -t short; b uncompress -c short; b lzcat short
b rmdir a/b/c; b rm -r a; b unlink short; b link long longer; b rev dd; b run-parts /nowhere; b pwd | b wc -l
printf 'a,1\nb,2\n' >table; b awk -F, '{ s += $2 } END { print s }' table
printf 'line\r\n' >dos; b dos2unix dos; b od -c dos; b unix2dos dos; b hexdump -C dos; b xxd dos; b tac table
b uuencode dos here | b uudecode -o -; b strings -n 3 dos; b cp table patched
printf '%s\n' '--- table' '+++ table' '@@ -1,2 +1,2 @@' ' a,1' '-b,2' '+c,3' | b patch -p0 patched; b cat patched
printf '1,1p\nw out.ed\nq\n' | b ed table; printf '2\n3 4 + p\n' | b dc; echo '2^64 / 3' | b bc
b ls -R . | b wc -l; b df /proc | b wc -l; b mountpoint /proc; b flock table echo held; b which ls sh
