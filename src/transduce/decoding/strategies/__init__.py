"""Strategies: one file for each way that outputs grow."""
