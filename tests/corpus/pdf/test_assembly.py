"""Pages to one text: running lines, breaks, and page ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corpus.normalise import normalise
from corpus.pdf.assembly import assemble, without_running_lines


def test_breaks() -> None:
    pages = ["It ends with a har-", "bour and goes", "on here.", "A new one.", "", "End,", "and so"]
    text, ends = assemble(pages)
    assert text == "It ends with a harbour and goes on here.\n\nA new one.\n\nEnd, and so"
    assert [text[a:b] for a, b in zip((0, *ends), ends, strict=False)] == [
        "It ends with a har",
        "bour and goes",
        " on here.",
        "\n\nA new one.",
        "",
        "\n\nEnd,",
        " and so",
    ]


def test_running_lines_go() -> None:
    pages = [f"Harbours {i}\n\nStory {'abcdef'[i]}.\n\nFoot" for i in range(6)]
    assert without_running_lines(pages) == [f"Story {c}." for c in "abcdef"]


def test_rare_lines_stay() -> None:
    pages = ["Same\n\nOne.", "Same\n\nTwo.", "Other\n\nThree."]
    assert without_running_lines(pages) == pages


def test_lines_that_also_stand_inside_stay() -> None:
    """The head of a table comes first on some pages, and in the middle of more."""
    first = [
        "Ship Port\n\n{0} Oslo",
        "One {0}.\n\nTwo {0}.\n\nShip Port\n\n{0} Bergen\n\nFour {0}.",
    ]
    pages = [page.format(name) for name in ("Anna", "Berta", "Clara") for page in first]
    assert without_running_lines(pages) == pages


def test_a_page_of_running_lines_keeps_them() -> None:
    assert without_running_lines(["Page 1", "Page 2", "Page 3"]) == ["Page 1", "Page 2", "Page 3"]


PAGES = st.lists(
    st.text(st.sampled_from("ab .-\n\u00ad,é–1A"), max_size=30).map(normalise), max_size=8
)


@given(PAGES)
def test_laws(pages: list[str]) -> None:
    text, ends = assemble(pages)
    assert len(ends) == len(pages)
    assert list(ends) == sorted(ends)
    assert (ends[-1] if ends else 0) == len(text)
    assert normalise(text) == text
