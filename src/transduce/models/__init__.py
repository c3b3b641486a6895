"""A trained model: its folder, how it is found, and how it is used."""
