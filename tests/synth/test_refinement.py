"""Which spans of a text a model may repair, and how its answers come back into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synth.judging import judge
from synth.recipe import Seed
from synth.refinement import LEAST_LETTERS, MOST, REFINE, changed_words, merged, most_tokens, pieces

FIRST = "The ferry leaves from the old pier at seven in the morning and at six in the even-\ning."
SECOND = "Tickets are sold on board; bicycles travel free of charge outside of the summer holidays."
TABLE = "| stop | time |\n|---|---|\n| old pier | 7:00 |\n"
CODE = "```\nfor stop in stops:\n    print(stop, times[stop])\n```"


def shown(text):
    return [text[start:stop] for start, stop in pieces(text)]


def test_neighbouring_paragraphs_are_one_piece():
    assert shown(f"\n{FIRST}\n\n{SECOND}\n") == [f"{FIRST}\n\n{SECOND}"]


def test_tables_code_and_formulas_part_pieces_and_are_in_none():
    formula = "\\[ t = \\frac{s}{v} \\]"
    environment = "\\begin{align}\nt &= 4\n\\end{align}"
    html = "<table><tr><td>old pier</td></tr></table>"
    tabs = "pier\t7:00\t9:00\nquay\t7:10\t9:10\n"
    for block in (TABLE, CODE, formula, environment, html, tabs, "$$\nt = s / v\n$$"):
        assert shown(f"{FIRST}\n\n{block}\n\n{SECOND}") == [FIRST, SECOND], block


def test_what_has_hardly_a_letter_is_not_asked_about():
    assert shown("12\n\n---\n\n" + TABLE) == []
    assert shown("x" * LEAST_LETTERS) == ["x" * LEAST_LETTERS]
    assert shown("x" * (LEAST_LETTERS - 1)) == []


def test_a_long_paragraph_is_cut_at_a_line_or_a_sentence_end():
    lines = "\n".join(["a line of a paragraph that goes on"] * 200)
    assert all(piece.startswith("a line") for piece in shown(lines))
    sentences = "One sentence of many stands here. " * 200
    assert all(piece.startswith("One sentence") for piece in shown(sentences))
    chinese = "这是一句话。" * 900
    assert all(piece.endswith("。") for piece in shown(chinese))
    assert max(map(len, shown("ü" * 3 * MOST))) == MOST


def test_answers_come_back_into_their_places():
    text = f"Timetable\n\n{FIRST}\n\n{TABLE}\n\n{SECOND}\n\nEnd\n"
    spans = pieces(text)
    repaired = {spans[0]: "FIRST", spans[1]: "SECOND"}
    assert merged(text, repaired) == f"FIRST\n\n{TABLE}\n\nSECOND\n"
    assert merged(text, {spans[1]: "SECOND"}) == text.replace(text[slice(*spans[1])], "SECOND")
    assert merged(text, {}) == text


def test_an_answer_has_room_for_its_piece_and_not_much_more():
    assert most_tokens("x" * 100) == 64 + 50
    assert most_tokens("ก" * 100) == 64 + 150
    assert most_tokens("x" * 90_000) == REFINE.max_tokens


def test_changed_words_are_counted():
    assert changed_words("one two three four", "one two three four") == (0, 4)
    assert changed_words("one two three four", "one two thre four")[0] == 1
    assert changed_words("one two three four", "one three four")[0] == 1


@given(
    st.text(alphabet=st.sampled_from("ab. \n`|$\\[]<table>\t"), max_size=400).map(lambda t: t * 9)
)
def test_pieces_are_in_order_apart_and_short_and_merging_them_unchanged_changes_nothing(text):
    spans = pieces(text)
    ends = [place for span in spans for place in span]
    assert ends == sorted(ends)
    assert all(0 < stop - start <= MOST for start, stop in spans)
    assert merged(text, {(start, stop): text[start:stop] for start, stop in spans}) == text


def test_a_repair_is_accepted_and_a_change_is_not():
    seed = Seed(text=f"{FIRST}\n\n{SECOND}", language="eng_Latn", name="English")
    good = seed.text.replace("even-\ning", "evening")
    assert judge(REFINE, seed, f"```\n{good}\n```", "stop").text == good
    for bad, reason in (
        (good.replace("seven", "seven hundred and ninety 9"), "numbers"),
        (good.replace("old pier", "big new harbour of Nordhaven"), "names"),
        (FIRST, "length_ratio"),
        (good.replace("on board", "at https://ferry.example/times"), "urls"),
        (good.replace(SECOND, ""), "length_ratio"),
        ("", "empty"),
    ):
        judged = judge(REFINE, seed, bad, "stop")
        assert (judged.text, judged.reason) == (None, reason), (bad, judged)
