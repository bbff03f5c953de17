"""Recipes for knowledge: questions and answers, tasks, textbook sections and tutorials out of prose.

Seeds are documents that read as prose in a known language; a plan's `where` can ask for more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from corpus.guards import Verdict
from synth.recipe import Recipe, Seed, Unparsable
from synth.text.grounding import numbers_grounded, overlap, urls_grounded

PROSE = "n_words >= 80 AND language IS NOT NULL"
_PAIR = re.compile(
    r"^\W{0,3}(?:\d+[.)]\s*)?(Q|A|Question|Answer)\s?\d*\W{0,3}:\W{0,3}\s*", re.IGNORECASE
)


def prose(answer: str) -> str:
    """The answer as it stands, without a fence or a lead-in line that ends in a colon."""
    text = answer.strip().removeprefix("```markdown").removeprefix("```").removesuffix("```")
    first, _, rest = text.strip().partition("\n")
    lead = first.rstrip().endswith(":") and not first.startswith("#") and bool(rest.strip())
    return rest.strip() if lead else text.strip()


def pairs(answer: str) -> str:
    """Questions and answers, one pair a paragraph; lines before the first question are dropped."""
    found: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, answer.splitlines())):
        start = _PAIR.match(line)
        if start:
            found.append((start[1][0].upper(), line[start.end() :].strip(" *")))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line}".strip())
    kinds = "".join(kind for kind, _ in found)
    complete = re.match(r"(?:QA)*", kinds)
    assert complete is not None
    whole = found[: complete.end()]
    if not whole or any(not text for _, text in whole):
        raise Unparsable("no line `Q: …` is followed by a line `A: …`")
    if len(found) > len(whole) + 1:
        raise Unparsable(f"questions and answers do not alternate: {kinds[:40]}")
    return "\n\n".join(
        f"{question}\n{answer}"
        for (_, question), (_, answer) in zip(whole[::2], whole[1::2], strict=True)
    )


def taken_from(seed: Seed, text: str) -> Sequence[Verdict]:
    """Made of what the seed says. It may quote: an answer often is a sentence of the passage."""
    return (
        *grounded(seed, text),
        overlap(seed.text, text, high=1.0),
    )


def told_anew(seed: Seed, text: str) -> Sequence[Verdict]:
    """Made of what the seed says, in other words."""
    return (*grounded(seed, text), overlap(seed.text, text))


def grounded(seed: Seed, text: str) -> Sequence[Verdict]:
    """Numbers and addresses are those of the seed, whatever the language."""
    return (numbers_grounded(seed.text, text), urls_grounded(seed.text, text))


QA = Recipe(
    name="qa",
    version=1,
    role="general",
    seeds=PROSE,
    characters=(300, 3000),
    max_tokens=512,
    parse=pairs,
    verify=taken_from,
    literature="question-answer pairs from web text: Nemotron-CC, arXiv 2412.02595",
)
FAQ = replace(
    QA,
    name="faq",
    max_tokens=768,
    literature="web text rewritten in question-answer style: WRAP, arXiv 2401.16380",
)
INSTRUCTION = replace(
    QA,
    name="instruction",
    max_tokens=1024,
    literature="instructions from documents: instruction pre-training, arXiv 2406.14491",
)
TEXTBOOK = Recipe(
    name="textbook",
    version=1,
    role="general",
    seeds=PROSE,
    characters=(300, 4000),
    max_tokens=1024,
    parse=prose,
    verify=told_anew,
    literature="textbook sections: phi-1, arXiv 2306.11644; phi-1.5, arXiv 2309.05463",
)
TUTORIAL = replace(
    TEXTBOOK,
    name="tutorial",
    literature="tutorials from web text: Cosmopedia, after phi-1.5, arXiv 2309.05463",
)
