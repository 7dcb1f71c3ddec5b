"""Benchmarks: what circuitgraph costs, as ratios to a bare forward pass of the same process."""
