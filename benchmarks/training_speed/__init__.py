"""Training speed side by side with Eole and Joey NMT; see benchmarks/README.md."""
