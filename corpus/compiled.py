"""The one decorator of our numba kernels: compiled on first use, cached on disk, without the GIL.

A cached kernel is keyed by its own file only, so a kernel calls no kernel of another module:
modules hand each other arrays. (A caller would otherwise keep running the old code of what it
calls.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """`function` as machine code; nothing about its type changes for its callers."""
    return cast(Kernel, numba.njit(cache=True, nogil=True)(function))
