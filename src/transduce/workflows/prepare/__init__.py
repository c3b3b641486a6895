"""`transduce prepare`."""
