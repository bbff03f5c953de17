"""A call's messages as chat APIs take them, with its images in front of the last one's text."""

from __future__ import annotations

import base64
from typing import Any

from corpus.calls import Call


def chat_messages(call: Call) -> list[dict[str, Any]]:
    """Role and content; where there are images, the last content is a list of parts."""
    messages: list[dict[str, Any]] = [dict(message) for message in call.messages]
    if call.images:
        urls = ["data:image/png;base64," + base64.b64encode(png).decode() for png in call.images]
        shown: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": url}} for url in urls
        ]
        text = {"type": "text", "text": messages[-1]["content"]}
        messages[-1] = {**messages[-1], "content": [*shown, text]}
    return messages
