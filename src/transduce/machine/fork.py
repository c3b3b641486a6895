"""Processes that are forked, as by `multiprocessing.get_context("fork").Pool()`."""

import os


def compute_with_one_thread_in_children() -> None:
    """From now on, a forked child computes with one thread.

    The threads of OpenMP do not survive a fork. A child that used more than one would wait for them without end.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=_one_thread)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
