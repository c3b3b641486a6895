"""`transduce back-translate`."""
