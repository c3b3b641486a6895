"""`transduce evaluate`."""
