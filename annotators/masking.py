"""Texts with placeholders where personal data stands: what is tokenised when a plan masks.

`placeholders` maps kinds of `annotators.personal_data` to what is written instead; other kinds stay. The spans
are those that the annotator would find in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from annotators import personal_data
from annotators.personal_data import Span, spans, spans_by_row
from corpus.texts import string_bytes

VERSION = 1


def placeholder(kind: str) -> str:
    """What is written for a kind unless the plan says otherwise: `<email>`."""
    return f"<{kind}>"


def masked(text: str, placeholders: Mapping[str, str]) -> str:
    """The text with placeholders for these kinds."""
    return _replaced(text, spans(text), placeholders) if placeholders else text


def masked_column(texts: pa.ChunkedArray, placeholders: Mapping[str, str]) -> pa.ChunkedArray:
    """The same of each text of a column."""
    found = {
        row: of_row
        for row, of_row in spans_by_row(*string_bytes(texts)).items()
        if any(span.kind in placeholders for span in of_row)
    }
    if not found:
        return texts
    new = [_replaced(texts[row].as_py(), found[row], placeholders) for row in sorted(found)]
    changed = pa.array([row in found for row in range(len(texts))])
    whole = texts.combine_chunks()
    return pa.chunked_array([pc.replace_with_mask(whole, changed, pa.array(new, texts.type))])


def decided_by(placeholders: Mapping[str, str]) -> dict[str, object]:
    """What decides a masked text besides the text, for a fingerprint."""
    config = personal_data.Config()
    return {
        "version": [VERSION, personal_data.VERSION],
        "assets": dict(personal_data.assets(config)),
        "placeholders": dict(placeholders),
    }


def _replaced(text: str, found: Sequence[Span], placeholders: Mapping[str, str]) -> str:
    pieces, end = [], 0
    for span in found:
        if span.kind in placeholders:
            pieces += [text[end : span.start], placeholders[span.kind]]
            end = span.stop
    return "".join([*pieces, text[end:]])
