"""What a recipe is: how a model is asked to write a document from another one, and how its answer is judged.

A recipe is an entry in `synth.recipes.RECIPES` and a prompt file beside it, `synth/prompts/<name>.md`. What it does not
say is the same for all: seeds are chosen by the plan, a failed round is asked again with the next temperature, an
answer becomes a document when every verdict has passed, and each rejection is counted by the name of the first
guard that failed. What one recipe made can be the seeds of another: problems first, then their solutions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from corpus.guards import ALONE, Verdict

Role = Literal["vl", "refine", "general", "math", "code", "judge"]


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What a recipe is shown of the document that it starts from."""

    text: str  # the span, not all of the document
    language: str  # `eng_Latn`; "" where it is not known
    name: str = ""  # of that language, in English
    target: str = ""  # language to write in, where the recipe asks for another than the seed's
    target_name: str = ""  # of that language, in English


class Unparsable(Exception):  # noqa: N818
    """The answer has not the form that was asked for; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which of the answers to one question is kept, and what is said of the others."""

    kept: int | None  # its place among them
    verdict: Verdict  # that turns down the others: all of them where none is kept


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to make documents out of documents."""

    name: str
    version: (
        int  # raised when parser or verifier change: answers are judged anew, and nothing is asked
    )
    role: Role  # which of the plan's models writes
    seeds: str  # SQL over annotations: which documents are fit to start from, unless the plan says
    characters: tuple[int, int]  # a seed has at least so many; at most so many go into the prompt
    max_tokens: int
    parse: Callable[[str], str]  # answer to document text; raises Unparsable
    verify: Callable[[Seed, str], Sequence[Verdict]]  # of the parsed text, against the seed
    literature: str  # what it follows
    temperatures: tuple[float, ...] = (0.7, 0.9, 1.0)  # one per round
    top_p: float = 0.95
    schema: Mapping[str, Any] | None = None  # JSON schema of the answer
    alone: tuple[str, ...] = tuple(ALONE)  # guards of the parsed text without the seed, by name
    language: Literal["seed", "target", "any"] = "seed"  # what the answer is written in
    samples: int = 1  # independent answers to each question
    choose: Callable[[Seed, Sequence[str]], Choice] | None = (
        None  # among those that passed `verify`
    )
    compose: Callable[[Seed, str], str] = lambda seed, text: text  # the document, of parsed text

    @property
    def rounds(self) -> int:
        """How often a seed is asked about at most."""
        return len(self.temperatures)

    def at_most(self, rounds: int | None) -> int:
        """As many rounds as it has, or fewer."""
        return min(self.rounds, rounds or self.rounds)

    def parameters(self, round_: int, seed: int) -> dict[str, Any]:
        """What the engine is told, besides the messages."""
        temperature = self.temperatures[round_]
        return {
            "temperature": temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": seed,
        }
