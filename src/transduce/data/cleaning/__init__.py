"""Rules that leave out records, one file per kind of rule."""
