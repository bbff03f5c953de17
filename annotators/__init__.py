"""Annotators: measurements of documents. The dict names them; none drops a row or decides."""

from __future__ import annotations

from annotators import (
    contamination,
    content_hash,
    datatrove,
    language,
    minhash,
    personal_data,
    source_code,
    statistics,
    student,
)
from annotators.annotator import Annotator, segmenter

ANNOTATORS: dict[str, Annotator] = {
    "language": Annotator(
        version=language.VERSION,
        config=language.Config,
        step=language.step,
        schema=language.schema,
        assets=language.assets,
    ),
    "statistics": Annotator(
        version=statistics.VERSION,
        config=statistics.Config,
        step=statistics.step,
        schema=statistics.schema,
        assets=segmenter,
    ),
    "content_hash": Annotator(
        version=content_hash.VERSION,
        config=content_hash.Config,
        step=content_hash.step,
        schema=content_hash.schema,
    ),
    "minhash": Annotator(
        version=minhash.VERSION,
        config=minhash.Config,
        step=minhash.step,
        schema=minhash.schema,
        assets=segmenter,
    ),
    "contamination": Annotator(
        version=contamination.VERSION,
        config=contamination.Config,
        step=contamination.step,
        schema=contamination.schema,
        assets=contamination.assets,
    ),
    "datatrove": Annotator(
        version=datatrove.VERSION,
        config=datatrove.Config,
        step=datatrove.step,
        schema=datatrove.schema,
        assets=datatrove.assets,
    ),
    "source_code": Annotator(
        version=source_code.VERSION,
        config=source_code.Config,
        step=source_code.step,
        schema=source_code.schema,
    ),
    "personal_data": Annotator(
        version=personal_data.VERSION,
        config=personal_data.Config,
        step=personal_data.step,
        schema=personal_data.schema,
        assets=personal_data.assets,
    ),
    "student": Annotator(
        version=student.VERSION,
        config=student.Config,
        step=student.step,
        schema=student.schema,
        assets=student.assets,
    ),
}

__all__ = ["ANNOTATORS", "Annotator"]
