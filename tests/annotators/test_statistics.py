"""Statistics: hand-worked values, plain definitions, and datatrove's own decisions."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from datatrove.utils.text import TERMINAL_PUNCTUATION
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators import ANNOTATORS, lines, repetition
from annotators.statistics import SCHEMA, Config, annotate, token_lengths
from corpus.characters import flags
from corpus.hashes import word_hashes
from corpus.languages import LANGUAGES
from corpus.segment import words
from corpus.texts import text_bytes

TEXT = st.text(alphabet=st.sampled_from("aab.B \n\n\r\t!•-…é中[1]{#'\u2028\x85\"?,"), max_size=80)


def measure(documents: Any, *texts: str) -> list[dict[str, Any]]:
    return annotate(documents(texts)).to_pylist()


def tokens_of(table: Any) -> list[str]:
    found, data = words(table), table.column("text")[0].as_py().encode()
    return [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]


def test_hand_worked(documents) -> None:
    [row] = measure(documents, "# The cat sat.\n- the cat sat...\n\nThe cat sat.\n")
    assert row["n_chars"] == row["n_bytes"] == 46
    # "# The cat sat ." is 5 tokens, "- the cat sat ..." 5, "The cat sat ." 4
    assert row["n_words_and_marks"] == 14
    assert row["n_words"] == 9
    assert row["mean_word_length"] == 3.0
    assert row["hash_ratio"] == 1 / 14
    assert row["ellipsis_ratio"] == 1 / 14
    assert row["alpha_word_ratio"] == 9 / 14
    assert row["n_lines"] == 4
    assert row["n_paragraphs"] == 2
    assert row["bullet_line_ratio"] == row["ellipsis_line_ratio"] == 1 / 4
    assert row["n_stop_words"] == 1
    assert row["line_punct_ratio"] == 1.0
    assert row["short_line_ratio"] == 1.0
    assert row["new_line_ratio"] == 4 / 14
    assert row["max_line_length"] == 16
    # "cat sat" occurs 3 times, 7 characters each; "The cat sat" twice, 11 characters each
    assert row["top_2_gram"] == 21 / 46
    assert row["top_3_gram"] == 22 / 46


def test_repetition_hand_worked(documents) -> None:
    line = "one two three four five six"
    [row] = measure(documents, "\n".join([line, line, "seven"]))
    total = 2 * 27 + 5 + 2
    assert row["n_chars"] == total
    assert row["dup_line_frac"] == 1 / 3
    assert row["dup_line_char_frac"] == 27 / total
    assert row["dup_para_frac"] == 0.0
    assert row["char_dup_ratio"] == 27 / (total - 2)
    # the second line's first five words, without spaces: 3 + 3 + 5 + 4 + 4
    assert row["dup_5_gram"] == 19 / total
    assert row["dup_6_gram"] == 22 / total
    assert row["dup_7_gram"] == 0.0


def test_c4_hand_worked(documents) -> None:
    rows = measure(
        documents,
        "This is one. This is two!\nShort line.\nno mark at the end\nIt ends so...\n",
        "Please enable JavaScript to go on.\nWe use cookies on this site.\nA kept line here.",
        "Some Lorem ipsum dolor here.",
        "A { bracket is here.\nAnother line with a brace } here.",
        'Cited text ends here.[12] And goes on [citation needed] "so."[3]',
    )
    kept = [(row["c4_lines"], row["c4_kept_lines"], row["c4_sentences"]) for row in rows]
    assert kept == [(4, 1, 2), (3, 1, 1), (1, 0, 0), (2, 1, 1), (1, 1, 2)]
    assert [row["c4_lorem_ipsum"] for row in rows] == [False, False, True, False, False]
    assert [row["c4_curly_bracket"] for row in rows] == [False, False, False, True, False]
    assert (rows[1]["c4_javascript_lines"], rows[1]["c4_policy_lines"]) == (1, 1)


def test_shares_hand_worked(documents) -> None:
    [row] = measure(documents, "AB cd 12 http://x.yz/")
    assert row["letter_ratio"] == 11 / 21
    assert row["upper_ratio"] == 2 / 11
    assert row["digit_ratio"] == 2 / 21
    assert row["space_ratio"] == 3 / 21
    assert row["url_ratio"] == 12 / 21


def test_stop_words_of_every_language(documents) -> None:
    [row] = measure(documents, "Der Hund und die Katze und der Vogel sind in dem Haus.")
    german = row["stop_words"][list(LANGUAGES).index("deu_Latn")]
    assert german == len({"und", "die", "in", "dem", "der"})
    assert row["n_stop_words"] == row["stop_words"][list(LANGUAGES).index("eng_Latn")] == 0


def test_an_empty_text_has_no_ratio(documents) -> None:
    [row] = measure(documents, "")
    assert all(row[name] is None for name in SCHEMA.names if SCHEMA.field(name).nullable)


def duplicates(elements: list[str]) -> tuple[int, int]:
    seen, repeated, chars = set(), 0, 0
    for element in elements:
        if element in seen:
            repeated, chars = repeated + 1, chars + len(element)
        seen.add(element)
    return repeated, chars


def duplicate_grams(tokens: list[str], n: int) -> int:
    seen, chars, k = set(), 0, 0
    while k < len(tokens) - n + 1:
        gram = tuple(tokens[k : k + n])
        if gram in seen:
            chars += len("".join(gram))
            k += n
        else:
            seen.add(gram)
            k += 1
    return chars


def top_gram(tokens: list[str], n: int) -> int:
    grams = Counter(" ".join(tokens[k : k + n]) for k in range(len(tokens) - n + 1))
    return len(grams.most_common(1)[0][0]) * grams.most_common(1)[0][1] if grams else 0


@settings(max_examples=400, deadline=None)
@given(TEXT)
def test_plain_definitions(text: str) -> None:
    table = pa.table({"text": pa.array([text], pa.large_string())})
    data, offsets = text_bytes(table)
    count = dict(zip(lines.COUNTS, lines.line_counts(data, flags(data), offsets)[0], strict=True))
    split, filled = text.splitlines(), [line for line in text.split("\n") if line.strip()]
    terminal = tuple(c for c in text if c in TERMINAL_PUNCTUATION)
    assert count["chars"] == len(text)
    assert count["ellipses"] == text.count("...") + text.count("…")
    assert count["lines"] == len(split)
    assert count["bullet_lines"] == sum(line.lstrip().startswith(("•", "-")) for line in split)
    assert count["ellipsis_lines"] == sum(line.rstrip().endswith(("...", "…")) for line in split)
    assert count["filled_lines"] == len(filled)
    assert count["short_lines"] == sum(len(line) <= 30 for line in filled)
    assert count["punctuated_lines"] == sum(line.endswith(terminal) for line in filled if terminal)
    assert count["max_line"] == max(map(len, text.split("\n")))

    row = repetition.repeated_lines(data, flags(data), offsets)[0].tolist()
    pieces, blocks = re.split("\n+", text), re.split("\n{2,}", text.strip())
    assert row == [
        *(len(pieces), *duplicates(pieces)),
        *(len(blocks), *duplicates(blocks)),
        duplicates(filled)[1],
    ]

    found = words(table)
    tokens = tokens_of(table)
    hashes = word_hashes(data, offsets, found, fold=False)
    lengths = token_lengths(data, offsets, found.offsets, found.starts, found.ends)
    grams = repetition.repeated_n_grams(hashes, lengths, found.offsets)[0].tolist()
    assert grams == [
        *(top_gram(tokens, n) for n in (2, 3, 4)),
        *(duplicate_grams(tokens, n) for n in (5, 6, 7, 8, 9, 10)),
    ]


# ---------------------------------------------------------------- decisions of datatrove


def gopher_quality(row: dict[str, Any]) -> str | None:
    rules = (
        (row["n_words"] < 50, "gopher_short_doc"),
        (row["n_words"] > 100_000, "gopher_long_doc"),
        ((row["mean_word_length"] or 0) < 3, "gopher_below_avg_threshold"),
        ((row["mean_word_length"] or 0) > 10, "gopher_above_avg_threshold"),
        ((row["hash_ratio"] or 0) > 0.1, "gopher_too_many_hashes"),
        ((row["ellipsis_ratio"] or 0) > 0.1, "gopher_too_many_ellipsis"),
        ((row["bullet_line_ratio"] or 0) > 0.9, "gopher_too_many_bullets"),
        ((row["ellipsis_line_ratio"] or 0) > 0.3, "gopher_too_many_end_ellipsis"),
        ((row["alpha_word_ratio"] or 0) < 0.8, "gopher_below_alpha_threshold"),
        (row["n_stop_words"] < 2, "gopher_enough_stop_words"),
    )
    return next((reason for dropped, reason in rules if dropped), None)


def gopher_repetition(row: dict[str, Any]) -> str | None:
    if row["n_chars"] == 0:
        return "empty"
    limits = {
        "dup_para_frac": 0.3,
        "dup_para_char_frac": 0.2,
        "dup_line_frac": 0.3,
        "dup_line_char_frac": 0.2,
        "top_2_gram": 0.2,
        "top_3_gram": 0.18,
        "top_4_gram": 0.16,
    }
    for name, limit in limits.items():
        if row[name] > limit:
            return name
    for n, limit in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10)):
        if row[f"dup_{n}_gram"] > limit:
            return f"duplicated_{n}_n_grams"
    return None


def c4(row: dict[str, Any]) -> str | None:
    if row["c4_lorem_ipsum"]:
        return "lorem_ipsum"
    if row["c4_curly_bracket"]:
        return "curly_bracket"
    return "too_few_sentences" if row["c4_sentences"] < 5 else None


def fineweb(row: dict[str, Any]) -> str | None:
    if row["line_punct_ratio"] is None:
        return "empty"
    rules = (
        (row["line_punct_ratio"] < 0.12, "line_punct_ratio"),
        (row["short_line_ratio"] > 0.67, "short_line_ratio"),
        (row["char_dup_ratio"] > 0.01, "char_dup_ratio"),
        (row["new_line_ratio"] > 0.3, "list_ratio"),
    )
    return next((reason for dropped, reason in rules if dropped), None)


SUBJECTS = ("The river", "Our teacher", "A small engine", "Mr. Jones", "The U.S. office", "She")
VERBS = ("didn't carry", "has measured", "would've seen", "explains", "re-reads", "costs $5 to fix")
OBJECTS = ("the old bridge", "that of 1,000 maps", "10km of wire", "it's limits", "to be (or not)")
ODD = (
    "• a point",
    "- another point",
    "# heading #",
    "Read more...",
    "We use cookies here, as you see.",
    "Please enable JavaScript to go on.",
    "Some [1] cited [citation needed] words end here.[2]",
    "var x = {1: 2};",
    "Lorem ipsum dolor sit amet.",
    "",
    "see http://example.com/a?b=c for more",
    "$$ ## 12 34 56 __ || ~~",
)


def name(rng: random.Random) -> str:
    """A word that hardly comes twice."""
    return "".join(rng.choice(("mor", "an", "tel", "iv", "ku", "sed")) for _ in range(4))


def sentence(rng: random.Random) -> str:
    subject, verb, thing = (rng.choice(words) for words in (SUBJECTS, VERBS, OBJECTS))
    names = [name(rng) for _ in range(6)]
    return (
        f"{subject} {names[0]} {verb} {' of '.join(names[1:3])} {thing} and {' '.join(names[3:])}"
    )


def sample(rng: random.Random) -> str:
    """A document somewhere around the thresholds."""
    odd, repeated = rng.choice((0, 0, 0.1, 0.6)), rng.choice((0, 0, 0.05, 0.3))
    lines: list[str] = []
    for _ in range(rng.randint(1, 30)):
        if lines and rng.random() < repeated:
            lines.append(rng.choice(lines))
        elif rng.random() < odd:
            lines.append(rng.choice(ODD))
        else:
            parts = [sentence(rng) for _ in range(rng.randint(1, 4))]
            lines.append(". ".join(parts) + rng.choice((".", ".", "!", '."', "", "...")))
    return rng.choice(("\n", "\n\n")).join(lines)


@pytest.mark.parametrize(
    ("name", "decide"),
    [
        ("GopherQualityFilter", gopher_quality),
        ("GopherRepetitionFilter", gopher_repetition),
        ("C4QualityFilter", c4),
        ("FineWebQualityFilter", fineweb),
    ],
)
def test_decisions_are_datatroves(name: str, decide: Any, documents) -> None:
    pytest.importorskip("spacy")
    rng = random.Random(name)
    table = documents([sample(rng) for _ in range(300)])
    adapter = ANNOTATORS["datatrove"]
    theirs = adapter.step(adapter.config(filter=name))(table).to_pylist()
    ours = [decide(row) for row in ANNOTATORS["statistics"].step(Config())(table).to_pylist()]
    assert [row["reason"] for row in theirs] == ours
    assert 30 < sum(reason is None for reason in ours) < 290  # both outcomes are tested
