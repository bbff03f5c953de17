"""The adapter to datatrove's filters."""

from __future__ import annotations

import pytest

from annotators.datatrove import Config, filters, step


def test_decisions_are_recorded(documents) -> None:
    config = Config(filter="C4ParagraphFilter")
    long = "\n".join(["x" * 200] * 3)
    rows = step(config)(documents([long, "short"])).to_pylist()
    assert [row["keep"] for row in rows] == [True, False]
    assert [row["reason"] for row in rows] == [None, "< 3 paragraphs"]


def test_options_reach_the_filter(documents) -> None:
    config = Config(filter="RegexFilter", options={"regex_exp": "b+"})
    rows = step(config)(documents(["abc", "xyz"])).to_pylist()
    assert [row["keep"] for row in rows] == [False, True]


def test_an_error_is_a_reason(documents, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self, document):
        raise ZeroDivisionError

    monkeypatch.setattr(filters()["C4ParagraphFilter"], "filter", broken)
    [row] = step(Config(filter="C4ParagraphFilter"))(documents(["text"])).to_pylist()
    assert row["keep"] is None
    assert row["reason"] == "error: ZeroDivisionError"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filter": "GopherQualtyFilter"}, "did you mean 'GopherQualityFilter'"),
        ({"filter": "SamplerFilter"}, "does not judge single documents"),
        ({"filter": "RegexFilter", "options": {"pattern": "x"}}, "options .* of RegexFilter"),
    ],
)
def test_wrong_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**settings)
