"""Whole jobs, wired from the rooms: prepare, train, translate, evaluate. The Python API; the command line adds only words."""
