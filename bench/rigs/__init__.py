"""Programs that the benchmarks start: each runs one guest in one way, and prints what it took."""
