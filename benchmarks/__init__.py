"""What the addon costs and how quick it is, measured on real servers: `python -m benchmarks`."""
