"""Proxies: equal to transformers' Qwen3, and stacked members to the same members alone."""

import pytest

torch = pytest.importorskip("torch")

from mixers.proxy import (  # noqa: E402
    SIZES,
    Architecture,
    architecture,
    first_weights,
    logits,
    norm,
    swiglu,
    token_losses,
    training_loss,
)

SMALL = Architecture(
    vocabulary=97, layers=3, width=48, heads=4, key_heads=2, head_width=16, hidden=80
)


def batch(members: int, seed: int = 0, rows: int = 3, length: int = 40):
    random = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, SMALL.vocabulary, (members, rows, length), generator=random)
    documents = (torch.rand(members, rows, length, generator=random) < 0.1).long().cumsum(2)
    targets = torch.where(torch.rand(tokens.shape, generator=random) < 0.1, -1, tokens.roll(-1, 2))
    return tokens, documents, targets


def test_logits_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    config = transformers.Qwen3Config(
        vocab_size=SMALL.vocabulary,
        hidden_size=SMALL.width,
        intermediate_size=SMALL.hidden,
        num_hidden_layers=SMALL.layers,
        num_attention_heads=SMALL.heads,
        num_key_value_heads=SMALL.key_heads,
        head_dim=SMALL.head_width,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        attention_bias=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        attn_implementation="eager",
    )
    theirs = transformers.Qwen3ForCausalLM(config).eval()
    weights = first_weights(SMALL, [1])
    for name, weight in weights.items():  # norms that do something, weights large enough to matter
        weight.add_(
            torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))) * 0.2
        )
    theirs.load_state_dict(_as_transformers(weights), strict=False)
    tokens, _, _ = batch(1)
    with torch.no_grad():
        expected = theirs(tokens[0]).logits
        found = logits(SMALL, weights, tokens, torch.zeros_like(tokens))[0]
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5


def test_a_document_sees_nothing_of_another():
    weights = first_weights(SMALL, [1])
    tokens = torch.arange(20).view(1, 1, 20)
    documents = (torch.arange(20) >= 8).long().view(1, 1, 20)
    together = logits(SMALL, weights, tokens, documents)[0, 0]
    changed = tokens.clone()
    changed[..., :8] = 50
    apart = logits(SMALL, weights, changed, documents)[0, 0]
    assert torch.equal(together[8:], apart[8:])
    assert not torch.allclose(together[:8], apart[:8])


def test_gradients_are_those_of_plain_torch():
    weights = {k: w.double().requires_grad_() for k, w in first_weights(SMALL, [1, 2]).items()}
    x = torch.randn(2, 5, 3, 16, dtype=torch.float64, requires_grad=True)
    scale = torch.rand(2, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x, scale), atol=1e-3)
    both = torch.randn(2, 4, 10, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(swiglu, (both,))
    tokens, documents, targets = batch(2)
    plain = torch.nn.functional.cross_entropy(
        logits(SMALL, weights, tokens, documents).flatten(1, 2).transpose(1, 2),
        targets.flatten(1),
        ignore_index=-1,
        reduction="none",
    ).sum(1) / (targets >= 0).flatten(1).sum(1)
    ours = training_loss(SMALL, weights, tokens, documents, targets)
    assert torch.allclose(ours.double(), plain, rtol=1e-5)
    given = torch.tensor([1.0, 3.0], dtype=torch.float64)
    expected = torch.autograd.grad((plain * given).sum(), list(weights.values()))
    found = torch.autograd.grad((ours * given).sum(), list(weights.values()))
    for name, a, b in zip(weights, expected, found, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-7), name


def test_a_stack_gives_each_member_what_it_has_alone():
    tokens, documents, targets = batch(3)
    stacked = training_loss(SMALL, first_weights(SMALL, [5, 6, 7]), tokens, documents, targets)
    for n, seed in enumerate((5, 6, 7)):
        mine = slice(n, n + 1)
        alone = training_loss(
            SMALL, first_weights(SMALL, [seed]), tokens[mine], documents[mine], targets[mine]
        )
        assert stacked[n].item() == pytest.approx(alone.item(), rel=1e-6)


def test_the_mean_of_the_token_losses_is_the_training_loss():
    tokens, documents, targets = batch(2)
    weights = first_weights(SMALL, [5, 6])
    each = token_losses(SMALL, weights, tokens, documents, targets)
    assert (each[targets < 0] == 0).all()
    mean = each.flatten(1).sum(1) / (targets >= 0).flatten(1).sum(1)
    assert torch.allclose(
        mean, training_loss(SMALL, weights, tokens, documents, targets), rtol=1e-5
    )


@pytest.mark.parametrize("size", SIZES)
def test_sizes_have_about_the_parameters_of_their_names(size):
    wanted = float(size.removesuffix("M")) * 1e6
    assert 0.75 * wanted < architecture(size, 2048).parameters < 1.35 * wanted


def test_an_unknown_size_names_the_known_ones():
    with pytest.raises(ValueError, match=r"size='2M'; the sizes are 0\.1M, 0\.2M"):
        architecture("2M", 2048)


def _as_transformers(weights):
    of = SMALL
    found = {
        "model.embed_tokens.weight": weights["embedding"][0],
        "model.norm.weight": weights["norm"][0],
    }
    for n in range(of.layers):
        here = f"model.layers.{n}."
        sizes = [of.heads * of.head_width, *[of.key_heads * of.head_width] * 2]
        for name, part in zip("qkv", weights[f"{n}.qkv"][0].split(sizes, 1), strict=True):
            found[f"{here}self_attn.{name}_proj.weight"] = part.T
        gate, up = weights[f"{n}.gate_up"][0].chunk(2, 1)
        found |= {
            f"{here}mlp.gate_proj.weight": gate.T,
            f"{here}mlp.up_proj.weight": up.T,
            f"{here}mlp.down_proj.weight": weights[f"{n}.down"][0].T,
            f"{here}self_attn.o_proj.weight": weights[f"{n}.out"][0].T,
            f"{here}self_attn.q_norm.weight": weights[f"{n}.query_norm"][0],
            f"{here}self_attn.k_norm.weight": weights[f"{n}.key_norm"][0],
            f"{here}input_layernorm.weight": weights[f"{n}.attention_norm"][0],
            f"{here}post_attention_layernorm.weight": weights[f"{n}.mlp_norm"][0],
        }
    return found
