"""Speed, as ratios: A and B measured in turn in one run, medians quoted. `python -m benchmarks` prints the tables."""
