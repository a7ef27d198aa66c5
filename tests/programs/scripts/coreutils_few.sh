# A handful of coreutils, for the tests that run every time; all of them: coreutils_*.sh.
mkdir -p a/b; seq 1 3000 >numbers; cp -p numbers a/b/copy; ln -s b/copy a/link; mv numbers a/moved
touch -d '2020-02-02 02:02:02 UTC' a/moved; chmod 640 a/moved
ls -lR --time-style=+%Y a | tr -s ' ' | cut -d' ' -f1,5-
sort -rn a/link | head -n 3; sha256sum a/b/copy; wc a/moved
stat -c '%n %F %s %a %Y' a/moved a/link; rm a/b; rm -r a; ls
