# gcc: cpp, cc1, as, collect2 and ld; what it makes is the same to the byte, and runs.
cat >hello.c <<X
#include <stdio.h>
int main(int argc, char **argv) { printf("hello from %d\n", argc); return 42; }
X
gcc -O2 -Wall -o hello hello.c; echo "status $?"
./hello; echo "status $?"; sha256sum hello
echo 'int main(void) { return x; }' >wrong.c; gcc -c wrong.c; echo "status $?"
