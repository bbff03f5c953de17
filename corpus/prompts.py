"""Prompt files: Markdown with the parts `# system` and `# user`, each filled in by Jinja.

Parts are told apart before anything is filled in, and nothing of a document is ever run as a template. An unknown
variable is an error.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

_PART = re.compile(r"^# (system|user)\n", re.MULTILINE)
Parts = tuple[tuple[str, Template], ...]


def parts(source: str, name: str) -> Parts:
    """Role and template of each part of a file. ValueError, with its name, where it does not begin with one."""
    pieces = _PART.split(source)
    if pieces[0].strip() or len(pieces) < 3:
        raise ValueError(f"{name}: begin with `# system` or `# user`")
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    pairs = zip(pieces[1::2], pieces[2::2], strict=True)
    return tuple((role, environment.from_string(text)) for role, text in pairs)


def filled(templates: Parts, **values: Any) -> list[dict[str, str]]:
    """The messages of one request."""
    return [
        {"role": role, "content": template.render(**values).strip()} for role, template in templates
    ]
