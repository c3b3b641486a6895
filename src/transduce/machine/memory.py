"""How this process takes memory while the shapes of its tensors change from batch to batch.

On a CPU, kernels for bfloat16 products are made for each new shape and kept, a thousand of them at two levels; between
what they hold, freed tensors leave gaps that nothing fits. So a run that needs one gigabyte grows beyond two. Few kept
kernels cost nothing, as most shapes never come again (measured: as many are made, and updates are a tenth faster).
"""

import ctypes
import os

KEPT_KERNELS = {"LRU_CACHE_CAPACITY": "16", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}  # read at their first use

# of mallopt in glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
OWN_PAGES = 32 << 20  # bytes; the largest that glibc allows: smaller blocks come from the heap, which is kept
NEVER = 2**31 - 1


def keep_steady() -> None:
    """Few kept kernels, and a heap that keeps its pages for the next update. Call before the first matrix product.

    What the user has set in the environment stays. Without glibc only the kernels are fewer.
    """
    for name, count in KEPT_KERNELS.items():
        os.environ.setdefault(name, count)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, OWN_PAGES)
    mallopt(M_TRIM_THRESHOLD, NEVER)
