"""What the metadata says of program code."""

from __future__ import annotations

import json

import pytest

from annotators.source_code import Config, step


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, [None] * 4),
        ({"url": "http://example.com", "path": "a"}, [None] * 4),
        (
            {
                "repository": "r",
                "path": "a/b.py",
                "programming_language": "python",
                "licence": "MIT",
            },
            ["r", "a/b.py", "python", False],
        ),
        (
            {"repository": "r", "paths": ["x.c", "y.c"], "joined": True},
            ["r", "x.c", None, True],
        ),
        ({"programming_language": "go", "path": 3}, [None, None, "go", False]),
    ],
)
def test_rows(documents, metadata: dict[str, object], expected: list[object]) -> None:
    [row] = step(Config())(documents(["x"], [json.dumps(metadata)])).to_pylist()
    del row["id"]
    assert list(row.values()) == expected


@pytest.mark.parametrize("metadata", ["", "not json", "[1]", "null"])
def test_broken_metadata_is_no_code(documents, metadata: str) -> None:
    [row] = step(Config())(documents(["x"], [metadata])).to_pylist()
    assert row["repository"] is None
