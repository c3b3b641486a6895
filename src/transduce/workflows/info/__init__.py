"""`transduce info`."""
