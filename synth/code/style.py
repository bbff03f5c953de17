"""How a Python program is written, by its syntax tree: typed, documented, and of what words its names are made.

| guard | passed when |
|---|---|
| `typed` | public functions, and public methods of public classes, have types for parameters and result |
| `documented` | there is a public function or class, and each has a docstring |
| `related` | at least RELATED of the words in the program's names stand in the seed |
| `copied` | at most COPIED of the program's lines stand in the seed |

Names are taken apart at underscores and capitals; keywords, builtins and words of one or two letters do not count. Of
two functions of the standard library that have nothing to do with each other, 1 in 100 pairs shares 0.29 of these
words (3,000 pairs of 921 functions of Python 3.11). A program that does not parse fails all.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Callable, Iterable, Iterator

from corpus.guards import Verdict, verdict

VERSION = 1
RELATED = 0.3
COPIED = 0.8
LINE = 8  # characters of a line that counts: a shorter one is `else:` or a bracket

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_COMMON = {*keyword.kwlist, *dir(builtins), "self", "cls"}
_IMPLIED = {"self", "cls"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def typed(code: str) -> Verdict:
    """Parameters and results have types."""
    return _of_tree("typed", code, _untyped)


def documented(code: str) -> Verdict:
    """What can be used says what it is for."""
    return _of_tree("documented", code, _undocumented)


def related(seed: str, code: str) -> Verdict:
    """The program is about what the seed is about."""
    return _of_tree("related", code, lambda tree: _unrelated(seed, tree))


def copied(seed: str, code: str) -> Verdict:
    """The program is not the seed again."""
    known, lines = set(_lines(seed)), list(_lines(code))
    share = sum(line in known for line in lines) / max(len(lines), 1)
    return verdict("copied", None if share <= COPIED else f"{share:.0%} of the lines")


def _of_tree(guard: str, code: str, find: Callable[[ast.Module], str | None]) -> Verdict:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return verdict(guard, "does not parse")
    return verdict(guard, find(tree))


def _public(tree: ast.Module) -> list[Function | ast.ClassDef]:
    return [
        node
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    ]


def _functions(tree: ast.Module) -> Iterator[Function]:
    for node in _public(tree):
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        yield from (part for part in inside if isinstance(part, Function) and _is_open(part.name))


def _is_open(name: str) -> bool:
    """Public, or a method that Python calls."""
    return not name.startswith("_") or name.endswith("__")


def _untyped(tree: ast.Module) -> str | None:
    for function in _functions(tree):
        every = function.args
        several = [every.vararg, every.kwarg]
        parameters = [*every.posonlyargs, *every.args, *every.kwonlyargs, *filter(None, several)]
        bare = [p.arg for p in parameters if p.annotation is None and p.arg not in _IMPLIED]
        if bare or (function.returns is None and function.name != "__init__"):
            return f"{function.name}: {', '.join(bare) or 'its result'}"
    return None


def _undocumented(tree: ast.Module) -> str | None:
    public = _public(tree)
    if not public:
        return "no public function or class"
    return next((node.name for node in public if not ast.get_docstring(node)), None)


def _unrelated(seed: str, tree: ast.Module) -> str | None:
    known, theirs = _words(_IDENTIFIER.findall(seed)), _words(_names(tree))
    share = len(known & theirs) / max(len(theirs), 1)
    return None if share >= RELATED else f"{share:.0%} of the names' words are the seed's"


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


def _words(names: Iterable[str]) -> set[str]:
    parts = (part for name in names if name not in _COMMON for part in _PART.findall(name))
    return {part.lower() for part in parts if len(part) > 2}


def _lines(code: str) -> Iterator[str]:
    for line in code.splitlines():
        line = line.partition("  #")[0].strip()
        if len(line) >= LINE and not line.startswith("#"):
            yield line
