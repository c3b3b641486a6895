"""Shapes and types of public functions are checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook("transduce", "beartype.beartype")
