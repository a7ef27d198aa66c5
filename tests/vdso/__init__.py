"""Tests of the vDSO: its images, its clocks, and what programs find in it."""
