"""Memory settings for tensors whose shapes change from batch to batch.

On a CPU, torch compiles a kernel of bfloat16 products for each new shape and caches a thousand of them at two levels.
Between their blocks freed tensors leave gaps that nothing fits, so that a run that needs one gigabyte grows beyond two.
Small caches cost nothing, as most shapes never return (measured: no more compilations, and updates are a tenth faster).
"""

import ctypes
import os

KERNEL_CACHES = {"LRU_CACHE_CAPACITY": "16", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}  # read at their first use

# of mallopt in glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
OWN_PAGES = 32 << 20  # bytes, the largest value of glibc: smaller blocks come from the heap, which keeps its pages
NEVER = 2**31 - 1


def keep_steady() -> None:
    """Small kernel caches, and a heap that keeps its pages for the next update. Call before the first matrix product.

    Environment variables of the user stay. Without glibc only the caches change.
    """
    for name, count in KERNEL_CACHES.items():
        os.environ.setdefault(name, count)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, OWN_PAGES)
    mallopt(M_TRIM_THRESHOLD, NEVER)
