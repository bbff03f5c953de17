"""A fingerprint covers content, not the order or type of containers, and refuses what it cannot cover."""

from dataclasses import dataclass

import pytest

from corpus.fingerprint import fingerprint, library_versions


@dataclass(frozen=True)
class Config:
    a: int = 1


def test_order_of_keys_does_not_matter_and_values_do():
    assert fingerprint({"a": 1, "b": (1, 2)}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": Config()}) != fingerprint({"a": Config(a=2)})
    assert len(fingerprint({})) == 12


def test_what_has_no_canonical_form_is_refused():
    with pytest.raises(TypeError, match="object"):
        fingerprint({"a": object()})


def test_library_versions_are_those_installed():
    import pyarrow

    assert library_versions(["pyarrow"]) == {"pyarrow": pyarrow.__version__}
