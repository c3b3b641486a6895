"""Readers of records, one module per format."""
