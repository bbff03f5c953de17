"""Every token can be traced: the document, the offset and the bytes are the true ones."""

import numpy as np
import polars as pl
import pytest

from corpus import open_lake
from corpus.tokenizer import END_OF_TEXT, Tokenizer
from workflows.trace import TraceError, trace

TOKENS = 1_000  # over the three stages


def shards(lake: str) -> list[str]:
    view = open_lake(lake)
    return [
        view._folder(f"shards/{stage}", "train").file_uri(name)
        for stage in view.stages
        for name in view._folder(f"shards/{stage}", "train").parts()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["general", "reasoning", "long_context"])
def test_random_tokens_name_their_true_document_and_offset(small_lake, stage):
    draw = np.random.default_rng(5)
    tokenizer = Tokenizer()
    documents = open_lake(small_lake).documents().select("id", "text").collect()
    texts = dict(documents.iter_rows())
    paths = [path for path in shards(small_lake) if f"/{stage}/" in path]
    seen_cut = seen_copy = False
    for _ in range(TOKENS // 3):
        path = paths[draw.integers(len(paths))]
        rows = pl.read_parquet(path)
        row = int(draw.integers(rows.height))
        sequence = rows.row(row, named=True)
        token = int(draw.integers(sequence["n_tokens"]))
        (segment,) = trace(path, row, token)
        whole = np.append(tokenizer.encode(texts[segment.document_id]), END_OF_TEXT)
        offset = segment.document_offset + token - segment.tokens[0]
        assert whole[offset] == sequence["input_ids"][token]
        start, stop = segment.tokens
        assert (
            sequence["input_ids"][start:stop]
            == whole[segment.document_offset :][: stop - start].tolist()
        )
        assert segment.matches
        assert segment.copy < segment.copies
        assert segment.selection["reason"] == "selected"
        assert segment.split == "train"
        assert segment.document["source"] == segment.source
        assert set(segment.annotations) == set(open_lake(small_lake).annotators)
        seen_cut |= segment.document_offset > 0
        seen_copy |= segment.copy > 0
    assert seen_cut or stage == "long_context"
    assert seen_copy or stage != "general"


def test_without_a_token_every_segment_is_named(small_lake):
    path = shards(small_lake)[0]
    sequence = pl.read_parquet(path).row(0, named=True)
    segments = trace(path, 0)
    assert [s.document_id for s in segments] == sequence["document_ids"]
    assert [s.tokens[0] for s in segments] == sequence["cu_seqlens"][:-1]


@pytest.mark.parametrize(
    ("row", "token", "message"),
    [
        (10**6, 0, r"--row 1000000: .* has \d+ rows"),
        (0, 10**6, "--token 1000000: row 0 has"),
        (-1, 0, "--row -1"),
    ],
)
def test_what_does_not_exist_is_named(small_lake, row, token, message):
    with pytest.raises(TraceError, match=message):
        trace(shards(small_lake)[0], row, token)


def test_a_file_that_is_no_shard_is_refused(tmp_path):
    with pytest.raises(TraceError, match="not a shard of a lake"):
        trace(str(tmp_path / "x.parquet"), 0)
