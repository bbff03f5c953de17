"""What every annotator promises, whatever it measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from annotators import ANNOTATORS
from annotators.contamination import build_index
from corpus.document import ID
from corpus.segment import with_words


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the annotators without a complete default need."""
    path: Path = tmp_path_factory.mktemp("index") / "index.npz"
    path.write_bytes(
        build_index(
            {"fox": ["the quick brown fox jumps over the lazy dog it didn't mind"]}
        ).to_bytes()
    )
    return {
        "contamination": {"index": str(path)},
        "datatrove": {"filter": "GopherRepetitionFilter", "options": {"language": "eng"}},
    }


ROW_WISE = (
    "language",
    "statistics",
    "content_hash",
    "minhash",
    "contamination",
    "source_code",
    "datatrove",
    "personal_data",
)


@pytest.fixture(scope="module", params=ROW_WISE)
def case(request: pytest.FixtureRequest, settings: dict[str, dict[str, Any]]) -> tuple[Any, Any]:
    """An annotator and a config for it."""
    if request.param == "datatrove":
        pytest.importorskip("spacy")
    annotator = ANNOTATORS[request.param]
    return annotator, annotator.config(**settings.get(request.param, {}))


def test_all_are_tested() -> None:
    assert set(ROW_WISE) <= set(ANNOTATORS)


def test_rows_ids_and_schema_are_kept(case, documents, hostile_texts) -> None:
    annotator, config = case
    table = documents([text[:5000] for text in hostile_texts])
    sidecar = annotator.step(config)(table)
    assert sidecar.schema.equals(annotator.schema(config))
    assert sidecar.schema.field(0).equals(pa.field("id", ID, nullable=False))
    assert sidecar.column("id").to_pylist() == table.column("id").to_pylist()
    sidecar.validate(full=True)


def test_huge_texts_pass(case, documents, hostile_texts) -> None:
    annotator, config = case
    if annotator is ANNOTATORS["datatrove"]:
        pytest.skip("the library's own cost on such texts is not ours")
    assert annotator.step(config)(documents(hostile_texts)).num_rows == len(hostile_texts)


def test_an_empty_table_gives_an_empty_sidecar(case, documents) -> None:
    annotator, config = case
    sidecar = annotator.step(config)(documents([]))
    assert sidecar.num_rows == 0
    assert sidecar.schema.equals(annotator.schema(config))


def test_the_same_whatever_the_chunks(case, documents, hostile_texts) -> None:
    annotator, config = case
    table = documents([text[:2000] for text in hostile_texts])
    step = annotator.step(config)
    whole = step(table)
    chunked = pa.concat_tables([table.slice(0, 3), table.slice(3, 0), table.slice(3)])
    assert step(chunked).equals(whole)
    assert pa.concat_tables([step(table.slice(0, 7)), step(table.slice(7))]).equals(whole)
    assert annotator.step(config)(table).equals(whole)


def test_the_same_with_words_given(case, documents, hostile_texts) -> None:
    annotator, config = case
    table = documents([text[:2000] for text in hostile_texts])
    step = annotator.step(config)
    shared = with_words(table)
    assert step(shared).equals(step(table))
    assert step(shared.slice(5, 9)).equals(step(table.slice(5, 9)))


def test_assets_are_strings(case) -> None:
    annotator, config = case
    assert all(isinstance(value, str) for value in annotator.assets(config).values())
    assert annotator.version >= 1
