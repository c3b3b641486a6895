"""transduce: from pairs in files to a Transformer that its owner can train, read, check and serve."""
