"""How outputs grow: one file per strategy."""
