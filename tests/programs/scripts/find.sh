# find and xargs, in a tree made here.
t() { echo "\$ $*"; "$@"; echo "[$?]"; }
mkdir -p tree/a/b/c tree/empty
for i in 1 2 3 4 5; do head -c $((i * 300)) /dev/zero >tree/a/f$i.dat; done
touch -d 2001-01-01 tree/a/b/old 'tree/a/b/with space'; ln -s ../f1.dat tree/a/b/link; chmod 4711 tree/a/f2.dat
t find tree/a -maxdepth 1 -name 'f*' -size -2 -printf '%f %s %m %y\n'
t find tree -type d -empty
find tree -type f ! -newermt 2002-01-01 | LC_ALL=C sort
find tree -perm -4000 -o -type l -printf '%p -> %l\n' | sort
t find tree/a/b -name '*space*' -exec wc -c {} +
t find tree -name 'f[34].dat' -execdir echo {} \; -quit
t find tree -depth -name c -delete
t find tree -regex '.*/f[0-9]\.dat' -prune -o -name old -print
find tree -print0 | sort -z | xargs -0 -n 4 echo
seq 1 10 | t xargs -n 3 -P 2 false
seq 1 4 | t xargs -I@ echo item @
t find /nowhere
find tree -type f -name '*.dat' | xargs cat | wc -c
