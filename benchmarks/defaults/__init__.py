"""How good the settings are that the toolkit chooses by itself, against the best of a search with the same minutes."""
