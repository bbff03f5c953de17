"""Names for outputs: a hash of everything that decides their content, and of nothing else.

A fingerprint covers config, code version constants, library versions, model-file hashes and the
fingerprints of inputs; never time, host, latency or the number of workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from typing import Any

LENGTH = 12


def fingerprint(content: Mapping[str, Any]) -> str:
    """12 hex digits of the SHA-256 of `content` as canonical JSON."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:LENGTH]


def canonical(content: Any) -> str:
    """JSON with sorted keys; dataclasses become objects, tuples and sets become lists."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain)


def library_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Installed versions of the distributions whose behaviour reaches the output."""
    return {name: version(name) for name in sorted(distributions)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} cannot be part of a fingerprint: {value!r}")
