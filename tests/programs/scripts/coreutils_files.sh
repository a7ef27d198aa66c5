# Each program of coreutils that makes, changes or tells about files; in an empty directory.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
umask 022
t mkdir -p -m 750 a/b/c d
t mkdir d
t touch -d '2020-02-02 02:02:02 UTC' a/one a/two 'a/with space' d
t install -m 640 -D a/one e/f/installed
t install -d -m 711 e/g
seq 1 2000 >numbers
t chmod u=rwx,g=r,o= a/two
t chmod -v -R o-r a
t chmod 4755 a/one
t ln a/one a/hard
t ln a/one a/hard
t ln -s ../numbers a/soft
t ln -sfn d/nothing dangling
t link numbers linked
t unlink linked
t cp -a a copy
t cp numbers nowhere/at/all
t cp -v --backup=numbered numbers copy/one
t cp --sparse=always numbers sparse
t mv -v copy/two copy/three
t mv -n numbers sparse
t mv copy renamed
t ls -A a renamed
t ls -1RF .
t dir -C -w 60 a
t ls -lR --time-style=+%Y a/with\ space d
t vdir --time-style=+%s a/two
t ls /nowhere
t stat -c '%n %F %s %a %h %U' a/one d a/soft
t stat -L -c '%n %F %s' a/soft
t stat -c %N a/soft dangling
t readlink a/soft
t readlink -f a/soft
t readlink -e dangling
t realpath --relative-to=. a/soft a/../d
t realpath --relative-to=. nowhere/x
t basename /usr/lib/libc.so.6 .6
t dirname /usr/lib/libc.so.6 x /
t pathchk -p 'a*b' numbers
t du -b --apparent-size numbers a/one
t du -s --apparent-size --block-size=1 renamed/three
t df --output=target /proc
t truncate -s 100 numbers
t truncate -s +28 numbers
t wc -c numbers
t dd if=numbers of=dd.out bs=10 count=3 skip=2 status=none
t cat dd.out
t dd if=/dev/zero bs=1k count=4 conv=notrunc oflag=append of=dd.out status=none
t cksum dd.out
t split -b 40 numbers part.
t split -n l/3 -d sparse lines.
t cat part.aa part.ab part.ac part.ad
t wc -l lines.00 lines.01 lines.02
t csplit -s -f cs. sparse /100/ '{2}'
t wc -c cs.00 cs.01 cs.02 cs.03
t shred -n 1 -u part.aa
t sync dd.out
t mkfifo -m 600 "$TMPDIR/fifo"
t stat -c "%F %a" "$TMPDIR/fifo"
(echo through the fifo >"$TMPDIR/fifo" &) ; t cat "$TMPDIR/fifo"
t mknod "$TMPDIR/pipe" p
t test -p "$TMPDIR/pipe" -a -d d
t [ -s dd.out ]
t [ numbers -nt a/one ]
t mktemp -d -u nothing
t chown 12345678901:1 numbers
t chgrp nosuchgroup numbers
t chown "$(id -u):$(id -g)" numbers
t dircolors -b /dev/null
t rm numbers
t rm -r nowhere
t rm -rf renamed nowhere
t rmdir d e
t rmdir -p a/b/c
t tee tee.1 tee.2 </dev/null
echo both | t tee tee.1 tee.2
t rm -v tee.1 tee.2
t ls -A
t nohup true
t chroot /nowhere true
t pwd -P | sed 's,/.*,/somewhere,'
touch -d @0 dd.out; t date -u -r dd.out +%F
t touch -r dd.out -m e
t stat -c '%Y %n' e
