"""A Qwen2.5-VL with the real tokenizer, processor and chat format, and random weights: `python tests/vl_model.py DIR`.

No weights of a model that sees can be had from a package registry, so what it writes is noise; all that leads to it,
page image to answer, is the real thing. Two layers each of sight and text, 20M parameters, of which the vocabulary
takes nearly all. The ranks are those of `dashscope`; the special tokens, their ids and the chat template are
Qwen2.5-VL's (the template without tools and videos).
"""

from __future__ import annotations

import sys
from pathlib import Path

from corpus.tokenizer import default_ranks

FIRST_SPECIAL = 151_643
SPECIALS = (  # ids from 151643 upward
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>"),
)
VOCABULARY = 152_064
CHAT_TEMPLATE = """\
{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for content in message['content'] %}\
{% if content['type'] == 'text' %}{{ content['text'] }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}\
{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
PIXELS = {"shortest_edge": 56 * 56, "longest_edge": 128 * 28 * 28}  # a page is 128 tokens at most
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 2048,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 1e6,
        "mrope_section": [4, 6, 6],
    },
}
SIGHT = {
    "depth": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_heads": 2,
    "out_hidden_size": 64,
    "fullatt_block_indexes": [1],
}


def write(folder: Path) -> None:
    """Weights, configuration, tokenizer, processor and chat template."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    config = Qwen2_5_VLConfig(text_config=TEXT, vision_config=SIGHT, dtype="bfloat16")
    model = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = FIRST_SPECIAL + SPECIALS.index("<|im_end|>")
    model.save_pretrained(folder)
    processor().save_pretrained(folder)


def processor():
    """What turns messages and images into what the model reads."""
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=PIXELS),
        video_processor=Qwen2VLVideoProcessor(size=PIXELS),
        tokenizer=tokenizer(),
        chat_template=CHAT_TEMPLATE,
    )


def tokenizer():
    """Qwen's, as transformers has it."""
    from transformers import AddedToken, Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import TikTokenConverter

    vocabulary, merges = TikTokenConverter().extract_vocab_merges_from_model(default_ranks())
    ids = {token: FIRST_SPECIAL + n for n, token in enumerate(SPECIALS)}
    made = Qwen2Tokenizer(vocabulary | ids, merges, eos_token="<|im_end|>")
    made.add_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return made


if __name__ == "__main__":
    write(Path(sys.argv[1]))
