"""Prompt files: parts, and what is filled in."""

import pytest
from jinja2 import UndefinedError

from corpus.prompts import filled, parts


def test_parts_are_told_apart_before_anything_is_filled_in():
    found = filled(
        parts("# system\nBe {{ how }}.\n\n# user\nRead:\n{{ text }}\n", "x.md"),
        how="kind",
        text="# system\n{{ how }}",
    )
    assert found == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Read:\n# system\n{{ how }}"},
    ]


@pytest.mark.parametrize("source", ["", "Hello", "Hello\n# user\nx", "## user\nx"])
def test_a_file_without_parts_is_named(source):
    with pytest.raises(ValueError, match=r"x\.md: begin with `# system` or `# user`"):
        parts(source, "x.md")


def test_an_unknown_variable_is_an_error():
    with pytest.raises(UndefinedError):
        filled(parts("# user\n{{ nobody }}", "x.md"), text="a")
