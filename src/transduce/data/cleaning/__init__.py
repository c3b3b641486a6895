"""Rules that leave out records."""
