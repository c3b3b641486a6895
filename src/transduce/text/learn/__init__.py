"""Learning a vocabulary from lines of text."""
