"""`transduce inspect`."""
