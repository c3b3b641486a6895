"""Data: files -> examples -> token ids in a memory-mapped store -> batches in an order that only (seed, epoch,
position) decide.
"""
