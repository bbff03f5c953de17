"""Qwen3-architecture models, many at once: the members of a swarm stacked along a leading dimension.

One member is the decoder of arXiv 2505.09388 as transformers has it: RMSNorm before attention and MLP, grouped-query
attention without biases, RMSNorm of each head's queries and keys, RoPE by halves, SwiGLU, embeddings tied with the
output. Every weight has a leading dimension of members, so that one batched matrix product serves all of them; nothing
flows between members, so each learns what it would learn alone (up to the rounding of another summation order).

Shapes: M members, B sequences each, S tokens a sequence. Tokens see only earlier tokens of their own document.

Elementwise work costs as much as the products in models this small, so norm, SwiGLU and the loss have backward passes
of their own, which keep little; the loss goes over the vocabulary a chunk of tokens at a time. Parameters are counted
without embeddings, as the literature on proxies does (RegMix, QuaDMix).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as nn
from torch import Tensor

THETA = 1_000_000.0  # base of RoPE, as in Qwen3
EPSILON = 1e-6  # of RMSNorm
DEVIATION = 0.02  # of the first weights
CHUNK = {"cpu": 1 << 20, "cuda": 1 << 26}  # logits at a time: 4 MB stay in a core's cache

Weights = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The shape of one member."""

    vocabulary: int
    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    hidden: int  # numbers between the two products of the MLP

    def __post_init__(self) -> None:
        if self.heads % self.key_heads:
            raise ValueError(f"heads={self.heads} must be a multiple of key_heads={self.key_heads}")
        if self.head_width % 2:
            raise ValueError(f"head_width={self.head_width} must be even: RoPE turns pairs")

    @property
    def parameters(self) -> int:
        """Weights of one member without its embeddings."""
        return sum(math.prod(shape) for name, shape in shapes(self).items() if name != "embedding")

    def flops(self, sequence: int) -> float:
        """Floating-point operations of training on one token, backward pass included; attention as if no document
        ended within the sequence, without recomputation.
        """
        products = sum(math.prod(s) for s in shapes(self).values() if len(s) > 1)
        return 6 * products + 6 * self.layers * sequence * self.heads * self.head_width


# Name -> (layers, width, heads, key heads, width of a head, hidden). Wide and shallow: a wide product costs less per
# operation, and in models of this size depth buys little (RegMix's 1M has two layers too).
SIZES: Mapping[str, tuple[int, ...]] = {
    "0.1M": (2, 64, 2, 1, 32, 192),
    "0.2M": (2, 128, 2, 1, 64, 192),
    "1M": (2, 256, 4, 2, 64, 512),
    "4M": (4, 384, 6, 3, 64, 768),
    "15M": (6, 512, 8, 4, 64, 1280),
    "60M": (12, 768, 12, 4, 64, 1664),
}


def architecture(size: str, vocabulary: int) -> Architecture:
    """One of `SIZES`. ValueError for another name."""
    if size not in SIZES:
        raise ValueError(f"size={size!r}; the sizes are {', '.join(SIZES)}")
    layers, width, heads, key_heads, head_width, hidden = SIZES[size]
    return Architecture(
        vocabulary=vocabulary,
        layers=layers,
        width=width,
        heads=heads,
        key_heads=key_heads,
        head_width=head_width,
        hidden=hidden,
    )


def shapes(of: Architecture) -> dict[str, tuple[int, ...]]:
    """The weights of one member. Products take rows of tokens from the left: (in, out)."""
    found: dict[str, tuple[int, ...]] = {"embedding": (of.vocabulary, of.width)}
    for n in range(of.layers):
        found |= {
            f"{n}.attention_norm": (of.width,),
            f"{n}.qkv": (of.width, (of.heads + 2 * of.key_heads) * of.head_width),
            f"{n}.query_norm": (of.head_width,),
            f"{n}.key_norm": (of.head_width,),
            f"{n}.out": (of.heads * of.head_width, of.width),
            f"{n}.mlp_norm": (of.width,),
            f"{n}.gate_up": (of.width, 2 * of.hidden),
            f"{n}.down": (of.hidden, of.width),
        }
    return found | {"norm": (of.width,)}


def first_weights(of: Architecture, seeds: Sequence[int], device: str = "cpu") -> Weights:
    """Float32 weights of as many members as there are seeds, each drawn from its own."""
    members: list[Weights] = []
    for seed in seeds:
        random = torch.Generator().manual_seed(seed)
        members.append(
            {
                name: torch.ones(shape)
                if len(shape) == 1
                else torch.randn(shape, generator=random) * DEVIATION
                for name, shape in shapes(of).items()
            }
        )
    return {
        name: torch.stack([member[name] for member in members]).to(device) for name in shapes(of)
    }


def hidden_states(of: Architecture, weights: Weights, tokens: Tensor, documents: Tensor) -> Tensor:
    """(M, B * S, width): what the output layer reads. `tokens` and `documents` (which document of the sequence, rising)
    are (M, B, S).
    """
    members, batch, length = tokens.shape
    mask = visible(documents)
    turns = _turns(length, of.head_width, tokens.device)
    flat = tokens.reshape(members, -1, 1).expand(-1, -1, of.width)
    x = torch.gather(weights["embedding"], 1, flat)
    for n in range(of.layers):
        read = norm(x, weights[f"{n}.attention_norm"])
        qkv = torch.bmm(read, weights[f"{n}.qkv"])
        qkv = qkv.view(members, batch * length, -1, of.head_width)
        q, k, v = qkv.split([of.heads, of.key_heads, of.key_heads], 2)
        q = _turned(norm(q, weights[f"{n}.query_norm"]), turns, length)
        k = _turned(norm(k, weights[f"{n}.key_norm"]), turns, length)
        q, k, v = (
            t.reshape(members * batch, length, -1, of.head_width).transpose(1, 2) for t in (q, k, v)
        )
        seen = nn.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
        seen = seen.transpose(1, 2).reshape(members, batch * length, -1)
        x = x + torch.bmm(seen, weights[f"{n}.out"])
        read = norm(x, weights[f"{n}.mlp_norm"])
        x = x + torch.bmm(swiglu(torch.bmm(read, weights[f"{n}.gate_up"])), weights[f"{n}.down"])
    return norm(x, weights["norm"])


def logits(of: Architecture, weights: Weights, tokens: Tensor, documents: Tensor) -> Tensor:
    """(M, B, S, vocabulary)"""
    read = hidden_states(of, weights, tokens, documents)
    found = torch.bmm(read, weights["embedding"].transpose(1, 2))
    return found.view(*tokens.shape, -1)


def training_loss(
    of: Architecture, weights: Weights, tokens: Tensor, documents: Tensor, targets: Tensor
) -> Tensor:
    """(M,): mean over the tokens that are judged, in nats. A target of -1 is not judged."""
    read = hidden_states(of, weights, tokens, documents)
    judged = (targets >= 0).flatten(1)
    share = judged / judged.sum(1, keepdim=True).clamp(min=1)
    found: Tensor = _CrossEntropy.apply(read, weights["embedding"], targets.flatten(1), share)
    return found


def token_losses(
    of: Architecture, weights: Weights, tokens: Tensor, documents: Tensor, targets: Tensor
) -> Tensor:
    """(M, B, S) in nats; 0 where the target is -1. Without gradients."""
    wanted = targets.flatten(1)
    found = torch.empty(wanted.shape, dtype=torch.float32, device=wanted.device)
    with torch.no_grad():
        read = hidden_states(of, weights, tokens, documents)
        for rows, scores in _chunks(read, weights["embedding"]):
            chosen = scores.gather(2, wanted[:, rows].clamp(min=0).unsqueeze(2)).squeeze(2)
            found[:, rows] = scores.logsumexp(2) - chosen
    return torch.where(wanted >= 0, found, 0.0).view(targets.shape)


def visible(documents: Tensor) -> Tensor:
    """(M * B, 1, S, S): whether a token sees another: of its own document, and not later."""
    flat = documents.reshape(-1, documents.shape[-1])
    length = flat.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=flat.device).tril()
    return ((flat[:, :, None] == flat[:, None, :]) & earlier)[:, None]


# ---------------------------------------------------------------- parts with backward passes of their own


class _Norm(torch.autograd.Function):
    """RMSNorm over the last dimension; the weight is (M, last)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        wide_type = torch.promote_types(x.dtype, torch.float32)
        scale = torch.rsqrt(
            torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide_type).square()
            / x.shape[-1]
            + EPSILON
        )
        wide = weight.view(weight.shape[0], *[1] * (x.dim() - 2), -1)
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(wide).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        (grad,) = given
        x, weight, scale = ctx.saved_tensors
        wide = weight.view(weight.shape[0], *[1] * (x.dim() - 2), -1)
        normed = x * scale
        of_weight = (grad * normed).flatten(1, -2).sum(1)
        pulled = grad * wide
        along = (pulled * normed).sum(-1, keepdim=True) / x.shape[-1]
        return (pulled.sub_(normed.mul_(along)).mul_(scale)).to(x.dtype), of_weight


class _SwiGLU(torch.autograd.Function):
    """silu(gate) * up of (..., gate beside up)."""

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        return nn.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        (grad,) = given
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        found = torch.empty_like(both)
        of_gate, of_up = found.chunk(2, -1)
        sure = torch.sigmoid(gate)
        torch.mul(gate, sure, out=of_up)  # silu
        # silu' = sigmoid + silu * (1 - sigmoid)
        torch.addcmul(sure, of_up, 1 - sure, out=of_gate)
        of_gate.mul_(up).mul_(grad)
        of_up.mul_(grad)
        return found


class _CrossEntropy(torch.autograd.Function):
    """Sum over a member's tokens of share * loss. The gradients are made with the losses, a chunk at a time, so that
    the logits of all tokens never stand in memory (as in arXiv 2410.10989).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, embedding: Tensor, targets: Tensor, share: Tensor) -> Tensor:
        total = torch.zeros(x.shape[0], dtype=torch.float32, device=x.device)
        of_x = torch.empty_like(x)
        of_embedding = torch.zeros_like(embedding)
        for rows, scores in _chunks(x, embedding):
            wanted = targets[:, rows].clamp(min=0).unsqueeze(2)
            weight = share[:, rows]
            log_total = scores.logsumexp(2, keepdim=True)
            losses = (log_total - scores.gather(2, wanted)).squeeze(2)
            total += (losses * weight).sum(1)
            grad = scores.sub_(log_total).exp_()
            grad.scatter_add_(2, wanted, grad.new_full((1, 1, 1), -1.0).expand(wanted.shape))
            grad = grad.mul_(weight.unsqueeze(2)).to(x.dtype)
            of_x[:, rows] = torch.bmm(grad, embedding)
            of_embedding.baddbmm_(grad.transpose(1, 2), x[:, rows])
        ctx.save_for_backward(of_x, of_embedding)
        return total

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        of_x, of_embedding = ctx.saved_tensors
        scale = given[0].view(-1, 1, 1)
        return (of_x * scale).to(of_x.dtype), (of_embedding * scale).to(of_x.dtype), None, None


def _chunks(x: Tensor, embedding: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of tokens, and their scores in float32."""
    (members, rows, _), vocabulary = x.shape, embedding.shape[1]
    size = max(16, CHUNK[x.device.type] // (members * vocabulary))
    for start in range(0, rows, size):
        chosen = slice(start, min(start + size, rows))
        yield chosen, torch.bmm(x[:, chosen], embedding.transpose(1, 2)).float()


def norm(x: Tensor, weight: Tensor) -> Tensor:
    """RMSNorm of (M, ..., n) by (M, n)."""
    found: Tensor = _Norm.apply(x, weight)
    return found


def swiglu(both: Tensor) -> Tensor:
    """(..., 2 n) -> (..., n)"""
    found: Tensor = _SwiGLU.apply(both)
    return found


# ---------------------------------------------------------------- positions


def _turns(length: int, head_width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each position, (S, 1, head_width / 2)."""
    powers = torch.arange(0, head_width, 2, device=device, dtype=torch.float32) / head_width
    angles = torch.arange(length, device=device)[:, None] / THETA**powers
    return angles.cos()[:, None], angles.sin()[:, None]


def _turned(x: Tensor, turns: tuple[Tensor, Tensor], length: int) -> Tensor:
    """RoPE of (M, B * S, heads, head_width)."""
    cos, sin = turns
    a, b = x.unflatten(1, (-1, length)).chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)
