"""Data: files -> records -> token ids in a memory-mapped store -> batches, in an order by (seed, epoch, position) only."""
