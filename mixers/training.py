"""Train a stack of proxies, each on its own order of documents of one pool, and judge them on held-out text.

A member's text is a *stream*: documents of the pool in an order of their own, each copy once, cut into sequences where
they are full; a document goes on in the next sequence, unseen by its beginning. A stream that ends before the training
does starts again. What a step reads is a function of its number, so a training goes on where it was saved.

AdamW, the rate rising over the first steps and falling in a line to a tenth, gradients of each member cut at norm 1. On
a CPU in float32 and deterministic; on a GPU the products are in bfloat16, weights and sums in float32.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from mixers.proxy import Architecture, Weights, first_weights, token_losses, training_loss
from mixers.vocabulary import Vocabulary

Integers = npt.NDArray[np.int64]
BETAS = (0.9, 0.95)
DECAY = 0.1  # of weight matrices
CLIP = 1.0
LAST = 0.1  # of the rate
RATES = {"0.1M": 4e-3, "0.2M": 4e-3, "1M": 3e-3, "4M": 2e-3, "15M": 1e-3, "60M": 6e-4}
# Sequences of all members that go through at once. With 32 on a CPU, what is between two products leaves the caches:
# 16 % slower at 1M (make bench-proxies).
ROWS = {"cpu": 8, "cuda": 4096}


class Pool(NamedTuple):
    """Documents one behind the other, each with its end: a proxy's ids, and where each document begins."""

    ids: npt.NDArray[np.uint16]
    offsets: Integers  # (documents + 1,)

    @property
    def lengths(self) -> Integers:
        return np.diff(self.offsets)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How every member of a stack is trained."""

    steps: int
    batch: int = 16  # sequences a step
    length: int = 256  # tokens of a sequence
    rate: float = 3e-3
    warmup: float = 0.05  # share of the steps

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.length) < 1:
            raise ValueError(f"steps, batch and length must be 1 or more: {asdict(self)}")

    @property
    def tokens(self) -> int:
        """What a member reads."""
        return self.steps * self.batch * self.length

    def rate_at(self, step: int) -> float:
        """The rate of a step, from 0."""
        rising = max(1, round(self.steps * self.warmup))
        if step < rising:
            return self.rate * (step + 1) / rising
        done = (step - rising) / max(1, self.steps - rising)
        return self.rate * (1 - (1 - LAST) * done)


class Stream(NamedTuple):
    """The documents of one member, in its order, and where each begins in its stream."""

    order: Integers
    starts: Integers  # (documents + 1,)


def stream(pool: Pool, order: Integers) -> Stream:
    """ValueError for no documents."""
    if not len(order):
        raise ValueError("a proxy has no document to read; give its mixture more")
    starts = np.concatenate([[0], np.cumsum(pool.lengths[order])])
    return Stream(order, starts.astype(np.int64))


def rows_of(pool: Pool, of: Stream, start: int, rows: int, length: int) -> tuple[Integers, ...]:
    """(rows, length) tokens, documents and targets from a place of the stream on. The target of an end is -1."""
    places = (start + np.arange(rows * length + 1)) % of.starts[-1]
    document = np.searchsorted(of.starts, places, side="right") - 1
    ids = pool.ids[pool.offsets[of.order[document]] + places - of.starts[document]].astype(np.int64)
    fresh = (places[1:] == of.starts[document[1:]]).astype(np.int64)
    targets = np.where(fresh, -1, ids[1:]).reshape(rows, length)
    begins = np.concatenate([[0], fresh[:-1]]).reshape(rows, length)
    return ids[:-1].reshape(rows, length), np.cumsum(begins, axis=1), targets


@dataclass
class Stack:
    """Members being trained: their weights, the optimiser's sums, and how many steps are done."""

    of: Architecture
    weights: Weights
    first: Weights
    second: Weights
    step: int = 0

    def saved(self) -> bytes:
        """Everything that a training goes on from."""
        buffer = io.BytesIO()
        tables = {"weights": self.weights, "first": self.first, "second": self.second}
        content = {"of": asdict(self.of), "step": self.step}
        torch.save(
            content | {n: {k: v.cpu() for k, v in t.items()} for n, t in tables.items()}, buffer
        )
        return buffer.getvalue()


def begun(of: Architecture, seeds: Sequence[int], device: str = "cpu") -> Stack:
    """A stack of a member per seed, before its first step."""
    weights = first_weights(of, seeds, device)
    first, second = ({name: torch.zeros_like(w) for name, w in weights.items()} for _ in range(2))
    return Stack(of, weights, first, second)


def loaded(data: bytes, device: str = "cpu") -> Stack:
    """The stack that was saved."""
    found = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    of = Architecture(**found["of"])
    return Stack(of, found["weights"], found["first"], found["second"], found["step"])


def advance(stack: Stack, pool: Pool, streams: Sequence[Stream], by: Schedule, until: int) -> None:
    """Train to step `until`."""
    device = stack.weights["norm"].device
    while stack.step < min(until, by.steps):
        start = stack.step * by.batch * by.length
        read = [rows_of(pool, one, start, by.batch, by.length) for one in streams]
        batch = [torch.from_numpy(np.stack(part)).to(device) for part in zip(*read, strict=True)]
        gradients = _gradients(stack, batch)
        _update(stack, gradients, by.rate_at(stack.step))
        stack.step += 1


def _gradients(stack: Stack, batch: Sequence[torch.Tensor]) -> Weights:
    """Of the mean loss over a step's tokens, for each member; a few sequences of it at a time."""
    tokens, documents, targets = batch
    device = tokens.device.type
    at_once = max(1, ROWS[device] // tokens.shape[0])
    total = (targets >= 0).flatten(1).sum(1).clamp(min=1)
    asked = {name: weight.detach().requires_grad_() for name, weight in stack.weights.items()}
    for first in range(0, tokens.shape[1], at_once):
        rows = slice(first, first + at_once)
        share = (targets[:, rows] >= 0).flatten(1).sum(1) / total
        used = asked
        if device == "cuda":
            used = {name: weight.to(torch.bfloat16) for name, weight in asked.items()}
        losses = training_loss(
            stack.of, used, tokens[:, rows], documents[:, rows], targets[:, rows]
        )
        (losses * share).sum().backward()
    return {name: weight.grad for name, weight in asked.items()}


def _update(stack: Stack, gradients: Mapping[str, torch.Tensor], rate: float) -> None:
    """One step of AdamW (arXiv 1711.05101)."""
    squares = sum(g.flatten(1).square().sum(1) for g in gradients.values())
    scale = (CLIP / (torch.sqrt(torch.as_tensor(squares)) + 1e-6)).clamp(max=1)
    a, b = BETAS
    done = stack.step + 1
    for name, weight in stack.weights.items():
        gradient = gradients[name] * scale.view(-1, *[1] * (weight.dim() - 1))
        stack.first[name].lerp_(gradient, 1 - a)
        stack.second[name].mul_(b).addcmul_(gradient, gradient, value=1 - b)
        spread = (stack.second[name] / (1 - b**done)).sqrt_().add_(1e-8)
        if weight.dim() > 2:
            weight.mul_(1 - rate * DECAY)
        weight.addcdiv_(stack.first[name], spread, value=-rate / (1 - a**done))


def bits_per_byte(
    stack: Stack, target: Pool, vocabulary: Vocabulary, length: int
) -> npt.NDArray[np.float64]:
    """(members,): what each pays for a UTF-8 byte of these documents, cut into sequences one behind the other. The
    first token of a document is given.
    """
    device = stack.weights["norm"].device
    members = stack.weights["norm"].shape[0]
    whole = stream(target, np.arange(len(target.lengths)))
    rows = max(1, -(-(int(whole.starts[-1]) - 1) // length))
    at_once = max(1, ROWS[device.type] // members)
    nats, read = np.zeros(members), 0
    for first in range(0, rows, at_once):
        count = min(at_once, rows - first)
        tokens, documents, wanted = rows_of(target, whole, first * length, count, length)
        past = first * length + np.arange(count * length).reshape(count, length) + 1
        wanted = np.where(
            (past >= whole.starts[-1]) | (vocabulary.bytes_of[wanted] == 0), -1, wanted
        )
        read += int(vocabulary.bytes_of[wanted[wanted >= 0]].sum())
        batch = [
            torch.from_numpy(part).to(device).expand(members, -1, -1)
            for part in (tokens, documents, wanted)
        ]
        losses = token_losses(stack.of, stack.weights, *batch)
        nats += losses.double().sum((1, 2)).cpu().numpy()
    return np.asarray(nats / max(read, 1) / np.log(2))
