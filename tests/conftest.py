"""Shapes and types of public functions are checked while the tests run."""

import signal

from hypothesis import settings
from jaxtyping import install_import_hook

import torchvision_operators  # noqa: F401  before any test imports transformers or timm

install_import_hook("transduce", "beartype.beartype")

# whoever runs the tests in the background may have them ignored, by which tests of Ctrl-C would wait for ever
for each, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, usual)

settings.register_profile("transduce", deadline=None)  # a busy machine is no failure
settings.load_profile("transduce")
