/* Threads that nobody orders: what they print depends on the interleaving. */
#include "threads.h"

static volatile long counter;

static void *letters(void *which)
{
	char letter = 'a' + (char)(intptr_t)which;
	for (int i = 0; i < 5; i++) {
		work(100000);
		write(1, &letter, 1);
	}
	return NULL;
}

static void *increment(void *unused)
{
	for (int i = 0; i < 2000; i++) {
		long old = counter;
		work(3);
		counter = old + 1;
	}
	return unused;
}

int main(void)
{
	pthread_t threads[3];
	start(threads, 3, letters);
	finish(threads, 3);
	write(1, "\n", 1);
	start(threads, 2, increment);
	finish(threads, 2);
	printf("%ld\n", counter);
	return 0;
}
