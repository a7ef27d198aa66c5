/* As many processes as the argument says compute alike, and print nothing. */
#include "threads.h"

int main(int argc, char **argv)
{
	for (int others = atoi(argv[1]) - 1; others > 0; others--)
		if (!fork()) {
			work(2000000);
			_exit(0);
		}
	work(2000000);
	while (wait(NULL) > 0)
		;
	return 0;
}
