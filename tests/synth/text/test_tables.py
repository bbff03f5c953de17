"""What sentences about a table may and may not be."""

from __future__ import annotations

import pytest

from synth.text.tables import in_sentences, tables

MARKDOWN = """\
Ferries across the sound.

| Ferry | Cars | Built |
|:---|---:|---|
| Gannet | 48 | 1987 |
| Petrel | 120 | 2003 |
| Little Auk | 12 | 1971 |

All 3 run in winter.
"""
TABBED = "Ferry\tCars\tBuilt\nGannet\t48\t1987\nPetrel\t120\t2003\nLittle Auk\t12\t1971"
GOOD = (
    "The ferry Gannet was built in 1987 and takes 48 cars. Petrel, built in 2003, takes 120.\n"
    "Little Auk is the smallest: it was built in 1971 and has room for 12 cars."
)


def failed(answer: str, seed: str = MARKDOWN) -> dict[str, str]:
    return {v.guard: v.detail for v in in_sentences(seed, answer) if not v.passed}


def test_tables_are_found_in_both_forms():
    rows = [
        ("Ferry", "Cars", "Built"),
        ("Gannet", "48", "1987"),
        ("Petrel", "120", "2003"),
        ("Little Auk", "12", "1971"),
    ]
    assert tables(MARKDOWN) == tables(TABBED) == [rows]
    assert tables("One | two\nthree | four") == tables("| a | b |\n|---|---|") == []
    assert tables("a\tb\n\nc\td") == tables("\tdef f():\n\t\treturn 1") == []
    assert tables("Heading\n-------\nText | more") == []


@pytest.mark.parametrize("seed", [MARKDOWN, TABBED], ids=["markdown", "tabs"])
def test_sentences_with_the_cells_are_accepted(seed):
    assert failed(GOOD, seed) == {}


def test_inflected_words_and_other_scripts_count_as_their_cells():
    finnish = "Kaupunki\tJoki\nTampere\tTammerkoski\nOulu\tOulujoki"
    assert failed("Tampereella virtaa Tammerkosken vesi.\nOulussa on Oulujoen suu.", finnish) == {}
    chinese = "渡船\t车位\n海燕\t48\n信天翁\t120"
    assert failed("海燕号有48个车位。信天翁号的车位是120个。", chinese) == {}
    thai = "เรือ\tรถ\nนกนางนวล\t48\nนกกระทุง\t120"
    assert (
        failed("เรือชื่อนกนางนวลบรรทุกรถได้ครั้งละ 48 คัน\nเรือชื่อนกกระทุงบรรทุกรถได้ครั้งละ 120 คัน", thai) == {}
    )


def test_a_table_is_needed_in_the_seed_and_not_in_the_answer():
    assert failed(GOOD, "Ferries cross the sound.") == {"table": "the seed has none"}
    assert failed(f"{GOOD}\n\n{MARKDOWN}")["table"] == "the answer has one"
    assert failed(f"{GOOD}\n\n{TABBED}")["table"] == "the answer has one"
    assert failed(f"{GOOD} <TABLE><tr><td>48</td></tr></TABLE>")["table"] == "the answer has one"


def test_lists_and_scraps_are_no_sentences():
    listed = "- Gannet has 48 cars, 1987.\n- Petrel has 120, 2003.\n- Little Auk has 12, 1971."
    assert failed(listed) == {"sentences": "0 of 3 lines are sentences"}
    assert "sentences" in failed(listed.replace("- ", "").replace(".", ""))


def test_half_of_the_cells_have_to_be_there():
    assert failed("Gannet takes 48 cars. Petrel is a ferry of 2003, and takes 120.") == {}
    found = failed("Gannet takes 48 cars.")
    assert found == {"cells": "3 of 12 cells; not Ferry, Built, 1987, Petrel, 120"}


def test_a_number_of_another_row_is_noticed():
    swapped = GOOD.replace("takes 48 cars", "takes 120 cars")
    assert "120 with Gannet" in failed(swapped)["rows"]
    assert failed(GOOD.replace("takes 48 cars", "takes fewer than Petrel with its 120")) == {}
    assert failed(f"{GOOD} Gannet is one of 3.") == {}
    assert failed(f"{GOOD} Petrel was built after 1987.")["rows"].startswith("1987 with Petrel")
