"""YAML files that people write, read strictly: every mistake is named with its line and the nearest valid name.

A file becomes a pydantic model. Unknown keys, wrong types and impossible values are collected and
raised together as one `PlanError`, each as `file:line: key: what is wrong`. `${NAME}` and
`${NAME:-default}` in any string are replaced from the environment.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from corpus.errors import PlanError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def load(text: str, name: str, model: type[Model]) -> Model:
    """Parse `text` (from the file `name`) into `model`. PlanError names every mistake."""
    tree = _parse(text, name)
    try:
        return model.model_validate_json(json.dumps(_plain(tree, name)), strict=True)
    except ValidationError as error:
        lines = [_message(problem, tree, name, model) for problem in error.errors()]
        raise PlanError("\n".join(dict.fromkeys(lines))) from None


def settings(cls: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """Build a config dataclass from a mapping of a plan. PlanError names key, value and remedy."""
    known = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in known:
            raise PlanError(f"{where}: {unknown('setting', str(key), known)}")
    try:
        return TypeAdapter(cls).validate_json(json.dumps(dict(values)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{where}: {key + ': ' if key else ''}{_reason(first)}") from None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`unknown reader 'jsonk'; did you mean 'jsonl'? Known: …`"""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {name!r};{hint} known: {', '.join(options) or 'none'}"


def _parse(text: str, name: str) -> Any:
    try:
        tree = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = "" if mark is None else f":{mark.line + 1}"
        raise PlanError(f"{name}{line}: not valid YAML: {error.problem}") from None
    if not isinstance(tree, CommentedMap):
        raise PlanError(f"{name}:1: expected keys and values, found {type(tree).__name__}")
    return tree


def _plain(node: Any, name: str) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value, name) for key, value in node.items()}
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: _variable(match, name), node)
    if isinstance(node, Sequence):
        return [_plain(value, name) for value in node]
    if isinstance(node, bool | int) or node is None:
        return node
    return float(node) if isinstance(node, float) else str(node)


def _variable(match: re.Match[str], name: str) -> str:
    value = os.environ.get(match[1], match[2])
    if value is None:
        raise PlanError(
            f"{name}: ${{{match[1]}}} is not set; run with `{match[1]}=… tokenmill …` or write "
            f"${{{match[1]}:-default}}"
        )
    return value


def _message(problem: Any, tree: Any, name: str, model: type[BaseModel]) -> str:
    location: Location = problem["loc"]
    line = _line(tree, location)
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        known = _known(model, location[:-1])
        return f"{name}:{line}: {unknown('key', str(location[-1]), known)}" + (
            f" (in {'.'.join(map(str, location[:-1]))})" if location[:-1] else ""
        )
    return f"{name}:{line}: {key}: {_reason(problem)}" if key else f"{name}: {_reason(problem)}"


def _reason(problem: Any) -> str:
    if problem["type"] == "missing":
        return "is required"
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    given = problem["input"]
    short = json.dumps(given, default=str, ensure_ascii=False)
    if problem["type"] in ("value_error", "assertion_error") or len(short) > 80:
        return message
    return f"{message}, got {short}"


def _line(tree: Any, location: Location) -> int:
    """The line of the deepest node on the path that the file has."""
    line, node = 1, tree
    for part in location:
        if isinstance(node, CommentedMap) and part in node:
            line, node = node.lc.key(part)[0] + 1, node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line, node = node.lc.item(part)[0] + 1, node[part]
        else:
            break
    return line


def _known(model: Any, location: Location) -> list[str]:
    """The keys that the model at this path accepts."""
    if issubclass(model, RootModel):
        model = _inner(model.model_fields["root"].annotation)
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part)) if _is_model(model) else None
        if field is not None:
            model = _inner(field.annotation)
    return list(model.model_fields) if _is_model(model) else []


def _inner(annotation: Any) -> Any:
    """The model inside `list[Model]`, `dict[str, Model]`, `Model | None`."""
    if _is_model(annotation):
        return annotation
    for argument in typing.get_args(annotation):
        found = _inner(argument)
        if _is_model(found):
            return found
    return annotation


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)
