"""`transduce train`."""
