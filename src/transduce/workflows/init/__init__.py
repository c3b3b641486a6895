"""Init: a run file for files of data."""
