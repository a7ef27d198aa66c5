"""The benchmarks: `python -m bench` measures ringscope beside its neighbours, as ratios."""
