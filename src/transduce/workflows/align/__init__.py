"""`transduce align`."""
