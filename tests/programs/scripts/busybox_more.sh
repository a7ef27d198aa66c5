# busybox: applets for images of disks, packages, and what the other two scripts leave out.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
b() { t busybox "$@"; }
printf 'all: one\n\techo all of it\none:\n\techo one\n' >Mimfile
L=XQAAAAT//////////wA5nEsCZDrnpersu8WiZXP//2yoAAA=
X=/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AAjAA9dADmcSwJkOuel6uy7xGkAAAAAl7jJsI1nsFMAASskk6z1ah+2830BAAAAAARZWg==
b [ 1 = 1 ]; b [[ a == b ]]; b ascii; b linux64 uname -m; b nproc --ignore=99
echo "$L" | busybox base64 -d >small.lzma; b lzma -dc small.lzma; b lzma small
echo "$X" | busybox base64 -d >small.xz; b xzcat small.xz; b xzcat small.lzma
b mim; b mim one; b mim none
mkdir -p tree/deep; : >tree/deep/file; b nuke tree; b ls
b fatattr Mimfile; b svok .; b svc -u .; b who nobody; b last | b wc -l >/dev/null
b hostname | b wc -l; b top -b -n 1 | b head -n 1 | b wc -w; b logger -s -t me said 2>&1 | b cut -d' ' -f1; b crontab -l -c nowhere
busybox dd if=/dev/zero of=disk bs=1024 count=2048 2>/dev/null
b fdisk -l disk; printf 'n\np\n1\n\n\np\nw\n' | b fdisk disk; b fdisk -l disk; b od -Ad -tx1 -j 446 -N 16 disk
b mkswap -L swap disk | busybox sed 's/UUID=.*/UUID/'; b od -Ad -c -j 4086 -N 10 disk
b mkdosfs -n DISK disk; busybox dd if=disk bs=1 skip=43 count=19 2>/dev/null; echo
b mke2fs -F -L disk disk; b od -Ad -tx1 -j 1080 -N 2 disk; b findfs LABEL=nothing; rm disk
# A package, as ar(1) would put it together.
member() { printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' "$1" 0 0 0 100644 "$(busybox wc -c <"$1")"; cat "$1"; }
echo 2.0 >debian-binary; mkdir -p usr/share; echo hello >usr/share/hello
printf 'Package: hello\nVersion: 1.0\nArchitecture: all\nDescription: greets\n' >control
touch -d @86400 control usr/share/hello usr/share usr
busybox tar -c control | busybox gzip -n >control.tar.gz; busybox tar -c usr | busybox gzip -n >data.tar.gz
{ printf '!<arch>\n'; member debian-binary; member control.tar.gz; member data.tar.gz; } >hello.deb
b ar -t hello.deb; b dpkg-deb -f hello.deb; b dpkg-deb -f hello.deb Version; b dpkg-deb -c hello.deb
b dpkg-deb -x hello.deb out; b cat out/usr/share/hello; b dpkg-deb -e hello.deb; b ls DEBIAN; b dpkg-deb -c Mimfile
b rpm -qpi Mimfile; b rpm2cpio Mimfile; b nologin
