"""What a report tells, as plain values: counted by `gather`, told by `page`, not rounded or worded.

A number that is None was not measured: its step has not run. Token counts of documents are without
`<|endoftext|>`; those of stages count it, as budgets and shards do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Counts = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of the plan: a row of the catalog."""

    step: str
    table: str
    name: str
    path: str
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Amount:
    """Documents and their tokens."""

    documents: int = 0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source, from its raw files, or the documents that a model was shown, to its documents."""

    name: str
    made: bool  # by a model, from other sources
    kind: str | None
    reader: str | None
    path: str  # its documents in the lake
    files: int | None  # raw files that the reader takes
    file_bytes: int | None
    ignored: Counts  # files beside them, by suffix
    records: int
    documents: int
    text_bytes: int
    failed: Counts  # by reason
    skipped: Counts  # by reason
    pages: Counts  # by arm
    tokens: int | None
    redundant: Amount | None  # members of duplicate clusters but the canonical ones


@dataclass(frozen=True, kw_only=True)
class Language:
    """What is there of one label; None stands for text that has none of the 119."""

    label: str | None
    documents: int
    tokens: int
    stages: Counts  # tokens in the training shards of each stage


@dataclass(frozen=True, kw_only=True)
class Length:
    """Documents of at least `least` and less than `below` tokens."""

    least: int
    below: int
    documents: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A duplicate cluster."""

    id: str  # hex, of the canonical document
    size: int
    least_similarity: float


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many clusters have `least` to `most` documents."""

    least: int
    most: int
    clusters: int


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Duplicate clusters; `sizes` are powers of two."""

    clusters: int
    members: int
    redundant: Amount
    equal: int  # redundant documents with similarity 1
    sizes: tuple[Sizes, ...]
    largest: tuple[Cluster, ...]


@dataclass(frozen=True, kw_only=True)
class Contamination:
    """Documents that share n-grams with an evaluation, by the largest share of an item."""

    evaluation: str
    levels: Mapping[float, Amount]  # by the lower bound of the level
    sources: Counts  # documents
    stages: Mapping[str, Mapping[float, int]]  # stage -> level -> documents drawn for training


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Documents that a stage takes, or not, for one reason; `rule` is its SQL, if it is a rule."""

    name: str
    rule: str | None
    documents: int
    tokens: int
    sources: Counts  # documents


@dataclass(frozen=True, kw_only=True)
class Band:
    """A length band of a stage: what was asked, could be planned, was drawn for training."""

    name: str  # "" where the mixture has no bands
    budget: float
    planned: float
    tokens: int
    documents: int
    copies: int

    @property
    def shortage(self) -> float:
        """Tokens that the supply could not give; 0 within rounding."""
        short = self.budget - self.planned
        return short if short > 1e-6 * self.budget else 0.0


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Documents of one kind, language or copy count in the training shards of a stage."""

    documents: int = 0
    copies: int = 0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Shards:
    """The packed sequences of one stage and split."""

    path: str
    files: int
    bytes: int
    sequences: int
    tokens: int
    segments: int
    cut_documents: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training: asked, planned, drawn, packed."""

    name: str
    seq_len: int
    bands: tuple[Band, ...]
    cap: float | None  # on the copies of a document over all stages
    documents: int  # that selection looked at
    reasons: tuple[Reason, ...]
    drawn: Drawn
    unique_tokens: int  # of the documents drawn, each counted once
    held_back: Drawn  # the stage's share of the validation split
    copies: Mapping[int, int]  # documents drawn so many times
    kinds: Mapping[str, Drawn]
    languages: Mapping[str, Drawn]
    train: Shards | None
    validation: Shards | None

    @property
    def budget(self) -> float:
        """Tokens asked."""
        return sum(band.budget for band in self.bands)

    @property
    def planned(self) -> float:
        """Tokens that the supply gives under the repetition cap, in expectation."""
        return sum(band.planned for band in self.bands)

    def count(self, *reasons: str) -> int:
        """Documents with one of these reasons."""
        return sum(reason.documents for reason in self.reasons if reason.name in reasons)

    @property
    def utilisation(self) -> float | None:
        """Share of the training sequences that is not padding."""
        if self.train is None or not self.train.sequences:
            return None
        return self.train.tokens / (self.train.sequences * self.seq_len)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The beginning of a document that a stage trains on, and why it is there."""

    id: str
    source: str
    locator: str
    kind: str
    language: str | None
    tokens: int
    copies: int
    expected: float
    cell: str
    text: str
    cut: bool  # whether the text goes on


@dataclass(frozen=True, kw_only=True)
class Said:
    """The values of one dimension over some documents."""

    documents: int
    values: Counts  # documents by value; of a list, a document counts at each of its values
    unanswered: int  # documents without a value: too badly read a language, or no text
    mean: float | None  # of the scores


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """The beginning of a document near an end of a scale."""

    id: str
    source: str
    locator: str
    language: str  # label, or what stands for none
    score: float
    text: str
    cut: bool


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A dimension of the student: what it says by source and by language, and its ends to read."""

    name: str
    kind: str  # ordinal, nominal or multi
    question: (
        str  # and the names of the levels: empty where the model's file is not there as it was
    )
    levels: Mapping[str, str]
    all: Said
    sources: Mapping[str, Said]  # most documents first, as the languages
    languages: Mapping[str, Said]
    reasons: Counts  # documents without an answer, by why
    ends: Mapping[str, tuple[Excerpt, ...]]  # lowest and highest, or the most frequent values


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A record that could not be read."""

    source: str
    locator: str
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Round:
    """What was asked once more with another temperature."""

    number: int
    requests: int
    accepted: int
    tokens: int  # that the model wrote


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of a model, what it was made from, and what became of it."""

    document_id: str
    round: int
    shown: str  # the beginning of the text that the model was shown; "" for a page
    text: str  # the beginning of the answer
    cut: bool  # whether it goes on
    reason: str  # why it was turned down; "" for an accepted one
    detail: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model was asked for one source that it made."""

    name: str
    models: tuple[str, ...]
    requests: int
    accepted: int
    rejected: Counts  # by reason
    prompt_tokens: int
    tokens: int  # that the model wrote
    rejected_tokens: int
    seconds: float  # of all calls, one after the other
    rounds: tuple[Round, ...]
    documents: int | None  # that it made
    pieces: tuple[int, int] | None  # of refinement: repaired, all
    words: tuple[int, int] | None  # of refinement: changed, all of the accepted pieces
    accepted_answers: tuple[Answer, ...]
    rejected_answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything on the page."""

    plan: str
    outputs: tuple[Output, ...]
    seed: int | None
    last_error: str | None
    sources: tuple[Source, ...]
    annotators: Counts  # documents that each has measured
    splits: Mapping[str, Amount]
    languages: tuple[Language, ...] | None
    code: Amount  # documents of program code, which have no language
    lengths: tuple[Length, ...]
    duplicates: Duplicates | None
    contamination: tuple[Contamination, ...] | None
    stages: tuple[Stage, ...]
    samples: Mapping[str, tuple[Sample, ...]]
    scales: tuple[Scale, ...] = field(default=())
    tasks: tuple[Task, ...] = field(default=())
    dead_letters: tuple[DeadLetter, ...] = field(default=())
