"""Randomness that belongs to a document, not to a place or a moment.

Every draw is a pure function of the document id, the plan's seed and a name for the purpose, so it
is the same whatever part, worker or order a document is met in. The mixer is SplitMix64's finaliser
(Steele, Lea, Flood 2014), applied to the two 64-bit words of an id in turn.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]


def id_words(ids: npt.NDArray[np.uint8]) -> UInt64s:
    """(n, 2) 64-bit words of an (n, 16) array of id bytes, big-endian so that word order is id order."""
    return np.ascontiguousarray(ids).view(">u8").astype(np.uint64)


def keyed(words: UInt64s, seed: int, purpose: str, *salts: npt.ArrayLike) -> UInt64s:
    """One uniform 64-bit integer per row of `words` (n, k) for this seed, purpose and salts.

    A salt is an integer or an array of n integers (the copy number, say).
    """
    start = hashlib.blake2b(f"{seed}\0{purpose}".encode(), digest_size=8).digest()
    state = np.full(len(words), int.from_bytes(start, "big"), dtype=np.uint64)
    for column in range(words.shape[1]):
        state = _mix(state ^ words[:, column])
    for salt in salts:
        state = _mix(state ^ _mix(np.asarray(salt).astype(np.uint64)))
    return state


def uniform(
    words: UInt64s, seed: int, purpose: str, *salts: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """The same as numbers in [0, 1) with 53 random bits."""
    bits = keyed(words, seed, purpose, *salts) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def hash64(*names: str) -> int:
    """A stable unsigned 64-bit hash of strings."""
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _mix(state: UInt64s) -> UInt64s:
    with np.errstate(over="ignore"):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
