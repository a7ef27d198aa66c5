# tar, gzip, bzip2 and xz: made, listed, taken apart, damaged.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
mkdir -p tree/sub; seq 1 20000 >tree/numbers; head -c 50000 /dev/zero >tree/zeros
echo text >tree/sub/text; ln -s sub/text tree/link; ln tree/numbers tree/hard; chmod 600 tree/sub/text
touch -d '2020-02-02 02:02:02 UTC' tree/numbers tree/zeros tree/sub/text tree/sub tree
touch -h -d '2020-02-02 02:02:02 UTC' tree/link
tar --sort=name --owner=me:1 --group=us:2 -cf a.tar tree; sha256sum a.tar
t tar -tvf a.tar
t tar -rf a.tar --owner=me:1 --group=us:2 dot.inc
mkdir out; t tar -xpf a.tar -C out --no-same-owner; ls -lR --time-style=+%Y out | tr -s ' ' | cut -d' ' -f1,2,5-
t tar -df a.tar tree/sub/text
t tar -xOf a.tar tree/sub/text
t gzip -kn9 a.tar; t gzip -l a.tar.gz; sha256sum a.tar.gz
t bzip2 -k a.tar; sha256sum a.tar.bz2
t xz -k -T1 -6 a.tar; sha256sum a.tar.xz
t tar -tzf a.tar.gz; t tar -tjf a.tar.bz2; t tar -tJf a.tar.xz
zcat a.tar.gz | cmp - a.tar; bzcat a.tar.bz2 | cmp - a.tar; xzcat a.tar.xz | cmp - a.tar
head -c 2000 a.tar.gz >cut.gz; t gzip -t cut.gz
head -c 2000 a.tar.xz >cut.xz; t xz -t cut.xz
t gzip a.tar.gz
t tar -xf /nowhere.tar
t xz -l --robot a.tar.xz
rm -r out
