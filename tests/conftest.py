"""Shapes and types of public functions are checked while the tests run."""

from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("transduce", "beartype.beartype")

settings.register_profile("transduce", deadline=None)  # a busy machine is no failure
settings.load_profile("transduce")
