"""What the page tells of the student: sidecars written by hand, whose dimensions no model of ours has."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotators import student
from corpus import open_lake, storage
from corpus.lake import Folder, read_part
from tests.workflows.lakes import plan_of
from workflows.report import Report, gather, render
from workflows.report.facts import Said, Scale
from workflows.report.said import _apart
from workflows.report.scale_table import TOP_ROWS, columns, rows, summary
from workflows.report.scales import HIGHEST, LOWEST, End, counts, ends, keep, kinds
from workflows.run import run

PLAN = """
name: said
sources:
  - {name: boats, reader: jsonl, path: boats, kind: web}
  - {name: books, reader: jsonl, path: books, kind: books}
annotate: {language: {}, student: {}}
stages:
  only: {seq_len: 256, budget: 100, mixture: only.yaml}
"""
ENGLISH = [
    "The ferry leaves at seven in the morning and comes back when the tide allows it, not before.",
    "Nobody on the island owns a clock that agrees with any other, so the people who live here listen for the engine "
    "instead. <b>Bold</b> visitors say that they like it, and buy a watch when they are home again.",
    "In autumn the nets are mended in the long shed behind the harbour, and the talk is of the weather.",
    "A letter takes three days to cross, and a rumour takes one, as the postman likes to say himself.",
]
ARABIC = "تفتح المكتبة أبوابها كل صباح عند الساعة التاسعة، ويجلس القراء قرب النوافذ الطويلة حيث الضوء أجمل."
BOOK = "يحكي الكتاب قصة صياد عجوز يعيش وحيدا على شاطئ البحر، ويخرج كل ليلة بقاربه الصغير باحثا عن رزقه."
LANGUAGES: dict[str, dict[str, Any]] = {
    "boats": {"language": ["eng_Latn", "eng_Latn", "eng_Latn", "eng_Latn", "arb_Arab"]},
    "books": {"language": ["arb_Arab", "eng_Latn"]},
}
SIDECARS: dict[str, dict[str, Any]] = {
    "boats": {
        "depth": pa.array([0, 2, None, 2, 0], pa.int8()),
        "depth_score": pa.array([0.25, 1.5, None, 1.75, 0.25], pa.float32()),
        "colour": ["red", "red", "blue", "red", None],
        "colour_score": pa.array([0.5, 0.75, 0.5, 0.75, None], pa.float32()),
        "tags": [["a", "b"], [], ["a"], None, ["b"]],
        "tags_score": pa.array([0.75, 0.25, 0.5, None, 0.5], pa.float32()),
        "abstained": [[], [], ["depth: no text"], ["tags: x: right: 0.1"], ["colour: no text"]],
    },
    "books": {
        "depth": pa.array([None, 1], pa.int8()),
        "depth_score": pa.array([None, 1.0], pa.float32()),
        "colour": [None, "green"],
        "colour_score": pa.array([None, 1.0], pa.float32()),
        "tags": [[], ["a"]],
        "tags_score": pa.array([0.125, 0.875], pa.float32()),
        "abstained": [["depth: no text", "colour: x: right: 0.1"], []],
    },
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake as the student of the package left it."""
    folder = tmp_path_factory.mktemp("said")
    boats, books = (
        [*ENGLISH, ARABIC],
        [
            BOOK,
            "The book has a chapter for each month of the year, and the shortest is that of March.",
        ],
    )
    files = {
        f"{name}/a.jsonl": "".join(json.dumps({"text": text}) + "\n" for text in texts)
        for name, texts in (("boats", boats), ("books", books))
    }
    plan = plan_of(folder, PLAN, {}, files | {"only.yaml": "name: only\n"})
    run(plan, str(folder / "lake"), num_cpus=1)
    return str(folder / "lake")


@pytest.fixture(scope="module")
def by_hand(lake: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lake with what stands above in place of its sidecars."""
    copy = str(tmp_path_factory.mktemp("by_hand") / "lake")
    shutil.copytree(lake, copy)
    for annotator, sidecars in (("student", SIDECARS), ("language", LANGUAGES)):
        for source, folder in _folders(copy, annotator).items():
            (part,) = folder.parts()
            ids = read_part(folder, part, ["id"])
            table = pa.table({"id": ids.column("id"), **sidecars[source]})
            pq.write_table(table, folder.file_uri(part))
    return copy


@pytest.fixture(scope="module")
def report(by_hand: str) -> Report:
    return gather(by_hand)


def _folders(lake: str, annotator: str) -> dict[str, Folder]:
    catalog = open_lake(lake).catalog.filter(pl.col("table") == f"annotations/{annotator}")
    return {row["name"]: Folder(storage.absolute(lake), row["path"]) for row in catalog.to_dicts()}


def _tell(said: Said) -> tuple[int, dict[str, int], int, float | None]:
    return said.documents, dict(said.values), said.unanswered, said.mean


def test_an_ordinal_dimension_by_source_and_language(report: Report) -> None:
    depth = report.scales[0]
    assert (depth.name, depth.kind) == ("depth", "ordinal")
    assert _tell(depth.all) == (7, {"0": 2, "1": 1, "2": 2}, 2, 0.95)  # 4.75 / 5
    assert {name: _tell(said) for name, said in depth.sources.items()} == {
        "boats": (5, {"0": 2, "2": 2}, 1, 0.9375),  # 3.75 / 4
        "books": (2, {"1": 1}, 1, 1.0),
    }
    assert {name: _tell(said) for name, said in depth.languages.items()} == {
        "eng_Latn": (5, {"0": 1, "1": 1, "2": 2}, 1, 1.125),  # 4.5 / 4
        "arb_Arab": (2, {"0": 1}, 1, 0.25),
    }
    assert depth.reasons == {"no text": 2}


def test_a_nominal_and_a_multi_dimension(report: Report) -> None:
    _, colour, tags = report.scales
    assert (colour.kind, tags.kind) == ("nominal", "multi")
    assert _tell(colour.all) == (7, {"red": 3, "blue": 1, "green": 1}, 2, 0.7)
    assert list(colour.all.values) == ["red", "blue", "green"]
    assert colour.reasons == {"no text": 1, "x: right: 0.1": 1}
    assert _tell(tags.all) == (7, {"a": 3, "": 2, "b": 2}, 1, 0.5)  # 3 / 6, "" is none of them
    assert _tell(tags.sources["boats"]) == (5, {"a": 2, "b": 2, "": 1}, 1, 0.5)


def test_every_scale_counts_every_document(report: Report) -> None:
    documents = sum(source.documents for source in report.sources)
    for scale in report.scales:
        for of in ([scale.all], scale.sources.values(), scale.languages.values()):
            assert sum(said.documents for said in of) == documents
        if scale.kind != "multi":
            assert sum(scale.all.values.values()) + scale.all.unanswered == documents


def test_the_ends_are_shown_with_their_texts(report: Report) -> None:
    depth, colour, tags = report.scales
    shown = {end: [(e.score, e.source) for e in of] for end, of in depth.ends.items()}
    assert shown == {  # five have a score: the lower three, the higher two
        "lowest": [(0.25, "boats"), (0.25, "boats"), (1.0, "books")],
        "highest": [(1.75, "boats"), (1.5, "boats")],
    }
    tied = depth.ends["lowest"][:2]
    assert {one.text for one in tied} == {ENGLISH[0], ARABIC}
    assert [one.id for one in tied] == sorted(one.id for one in tied)
    assert [one.text for one in depth.ends["highest"]] == [ENGLISH[3], ENGLISH[1]]
    assert {value: [e.score for e in of] for value, of in colour.ends.items()} == {
        "red": [0.75, 0.75, 0.5],
        "blue": [0.5],
        "green": [1.0],
    }
    assert [one.score for one in tags.ends["lowest"]] == [0.125, 0.25, 0.5]
    assert {one.language for one in depth.ends["lowest"]} == {"eng_Latn", "arb_Arab"}


def test_the_page_tells_it_and_never_as_markup(report: Report) -> None:
    page = render(report)
    section = page[page.index('<section id="student">') :]
    section = section[: section.index("</section>")].replace("\u00a0", " ")
    assert "What the student says" in section
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))
    assert "answers on 7 documents" in text
    assert "depth mean 0.95" in text
    assert "colour red 42.9 %, blue 14.3 %, green 14.3 %" in text
    assert re.search(r"All documents 7 0\.95 28\.6 % 14\.3 % 28\.6 % 28\.6 %", text)
    assert re.search(r"By source boats 5 0\.94 40\.0 % 0 % 40\.0 % 20\.0 % books 2 1\.00", text)
    assert "No answer: no text ( 2 )." in text
    assert "score 1.750 · English" in text
    assert "<b>" not in section
    assert "&lt;b&gt;Bold&lt;/b&gt;" in section
    assert '<a href="#student">' in page


def test_questions_and_levels_are_those_of_the_model_that_made_the_lake(lake: str) -> None:
    scales = gather(lake).scales
    known = student.dimensions(student.Config())
    assert [(one.name, one.kind, one.question) for one in scales] == [
        (name, dimension.kind, dimension.question) for name, dimension in known.items()
    ]
    for one in scales:
        levels = dict(zip(map(str, known[one.name].labels), known[one.name].values, strict=True))
        assert one.levels == (levels if one.kind == "ordinal" else {})


@pytest.mark.parametrize("change", [{"config": {"model": "gone.npz"}}, {"assets": {"student": ""}}])
def test_a_model_that_is_gone_or_another_takes_the_names_alone(
    lake: str, tmp_path: Path, change: Mapping[str, Any]
) -> None:
    shutil.copytree(lake, tmp_path / "lake")
    for folder in _folders(str(tmp_path / "lake"), "student").values():
        about = Path(folder.uri) / "_manifest" / "fingerprint.txt"
        about.write_text(json.dumps(json.loads(about.read_text()) | change))
    before, after = gather(lake).scales, gather(str(tmp_path / "lake")).scales
    assert [(s.name, s.kind, s.all, s.ends) for s in after] == [
        (s.name, s.kind, s.all, s.ends) for s in before
    ]
    assert {(s.question, tuple(s.levels)) for s in after} == {("", ())}


# ---------------------------------------------------------------- one part


FRAME = pl.DataFrame({"row": range(6), "source": "s", "language": ["x", "x", "y", "y", "x", "x"]})
SIDECAR = pl.DataFrame(
    {
        "id": [bytes([n]) * 16 for n in (6, 5, 4, 3, 2, 1)],
        "language": ["p", "p", "q", None, "p", "p"],  # a dimension named as a column of ours
        "language_score": [0.5, 0.5, 0.5, None, 0.5, 0.5],
        "alone": ["no", "column", "of", "scores", "beside", "it"],
    }
)


def test_a_dimension_has_its_scores_beside_it() -> None:
    assert kinds(SIDECAR) == {"language": "nominal"}


def test_a_dimension_may_be_named_as_a_column_of_ours() -> None:
    found = counts(FRAME, SIDECAR)["said_by_language"].sort("language", "value")
    assert found.select("dimension", "language", "value", "documents").rows() == [
        ("language", "x", "p", 4),
        ("language", "y", None, 1),
        ("language", "y", "q", 1),
    ]


def test_ties_go_by_id_and_duplicates_are_shown_once() -> None:
    found = list(ends(FRAME.with_columns(cluster_rank=pl.Series([0, 0, 0, 0, 0, 1])), SIDECAR, "p"))
    assert [(one.end, one.row) for one in found] == [("p", 4), ("p", 1), ("p", 0), ("q", 2)]


def test_parts_in_any_order_keep_the_same_ends() -> None:
    some = [_end(score=score, row=row) for row, score in enumerate((3.0, 1.0, 2.0, 1.0, 5.0))]
    kept: list[dict[tuple[str, str], list[End]]] = [{}, {}]
    keep(kept[0], some)
    for one in reversed(some):
        keep(kept[1], [one])
    assert kept[0] == kept[1]
    assert [one.row for one in kept[0]["d", LOWEST]] == [1, 3, 2]


def test_no_document_is_at_both_ends() -> None:
    some = [_end(score=float(row), row=row) for row in range(4)]
    lowest, highest = _apart(some[:3], some[:0:-1])
    assert ([one.row for one in lowest], [one.row for one in highest]) == ([0, 1], [3, 2])


def _end(*, score: float, row: int) -> End:
    return End(
        rank=score,
        id=bytes([row]),
        dimension="d",
        end=LOWEST,
        score=score,
        source="s",
        language="x",
        part="p",
        row=row,
    )


# ---------------------------------------------------------------- the table


def test_more_than_a_table_shows_stands_together() -> None:
    said = Said(documents=4, values={"a": 1, "b": 2}, unanswered=1, mean=0.5)
    many = {f"l{n:02}": said for n in range(TOP_ROWS + 2)}
    found = rows(_scale("nominal", said, many))
    assert [row.name for row in found[:2]] == ["All documents", "s"]
    last = found[-1]
    assert (last.name, last.documents, last.counts, last.mean) == (
        "2 other languages",
        8,
        (2, 4, 2),
        0.5,
    )


def test_values_beyond_the_columns_are_others() -> None:
    said = Said(documents=9, values=dict.fromkeys("abcdefg", 1), unanswered=2, mean=0.5)
    scale = _scale("nominal", said, {})
    assert columns(scale) == ["a", "b", "c", "d", "e", "other values", "no answer"]
    assert rows(scale)[0].counts == (1, 1, 1, 1, 1, 2, 2)


def test_levels_that_nobody_has_are_columns_and_nothing_said_is_said() -> None:
    nothing = Said(documents=3, values={}, unanswered=3, mean=None)
    scale = _scale("ordinal", nothing, {}, levels={"0": "low", "1": "very_high"})
    assert columns(scale) == ["0 low", "1 very high", "no answer"]
    assert rows(scale)[0].counts == (0, 0, 3)
    assert summary(scale) == "no answer"


def _scale(
    kind: str, said: Said, languages: Mapping[str, Said], levels: Mapping[str, str] | None = None
) -> Scale:
    return Scale(
        name="d",
        kind=kind,
        question="",
        levels=levels or {},
        all=said,
        sources={"s": said},
        languages=languages,
        reasons={},
        ends={LOWEST: (), HIGHEST: ()},
    )
