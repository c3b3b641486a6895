"""`transduce set`."""
