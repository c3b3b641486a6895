"""Metrics over whole corpora, with signatures that name all settings of their computation."""
