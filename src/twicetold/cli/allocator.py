"""What the C library's allocator does with memory that is given back to it."""

from __future__ import annotations

import ctypes
import sys

_LARGE_BYTES = 256 * 1024  # below a chunk of sound, above whatever a call needs often
_M_MMAP_THRESHOLD = -3  # see mallopt(3)


def return_large_blocks() -> bool:
    """Have every large block be a mapping of its own, which goes back to the system once it is
    free. glibc does so until the first one is freed, and from then on keeps such blocks among the
    small ones, where what lies between holds on to them: see docs/benchmarks.md, Memory.

    Returns whether it is so. To be called before there are threads.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and no need of it
    return mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES) == 1
