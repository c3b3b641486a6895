"""Training of vocabularies from lines of text."""
