"""`transduce translate`: lines in, outputs out."""
