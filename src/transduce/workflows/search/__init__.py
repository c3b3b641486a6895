"""`transduce search`."""
