"""The files of a repository in dependency order: what is imported comes before what imports it.

Imports are found by the patterns of `corpus.readers.programming.IMPORTS` and resolved to files of
the repository by name, without running anything; one that resolves to nothing (a library, the
standard library) is no edge. The order is a depth-first post-order over files sorted by path,
imports in path order, and an edge that would close a cycle is ignored: a function of the files
alone. The idea of joining so is DeepSeek-Coder's (arXiv 2401.14196, algorithm 1).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from corpus.readers.programming import IMPORTS, Imports, language_of

_FROM = re.compile(r"from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(.+)", re.DOTALL)
_NAME = re.compile(r"[\w.]+")


def dependency_order(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Paths such that imports come first. `imports` has for every path those it needs."""
    order: list[str] = []
    seen: set[str] = set()
    for root in sorted(imports):
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(sorted(imports[root])))]
        while stack:
            needed = stack[-1][1]
            following = next(
                (other for other in needed if other in imports and other not in seen), None
            )
            if following is None:
                order.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(sorted(imports[following]))))
    return order


class Resolver:
    """Finds the files of one repository that a file imports."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        self._by_folder: dict[str, list[str]] = {}
        for path in sorted(paths):
            self._by_name.setdefault(posixpath.basename(path), []).append(path)
            self._by_folder.setdefault(posixpath.dirname(path), []).append(path)

    def imports(self, path: str, text: str) -> set[str]:
        """The files that `path`, with this text, imports."""
        language = language_of(path)
        table = IMPORTS.get(language.name) if language else None
        if table is None:
            return set()
        found = {match for pattern in table.patterns for match in pattern.findall(text)}
        targets = {target for name in found for target in self._resolve(name, path, table)}
        return targets - {path}

    def _resolve(self, name: str, path: str, table: Imports) -> Iterator[str]:
        here = posixpath.dirname(path)
        if table.names == "folder":
            yield from self._folder(name, table.suffixes)
        elif table.names == "path":
            yield from self._file(name, here, table.suffixes)
        elif language_is_python(path):
            for module in python_modules(name, here):
                yield from self._file(module, "", table.suffixes)
        else:
            yield from self._dotted(re.sub(r"::|\.", "/", name), here, table.suffixes)

    def _dotted(self, name: str, here: str, suffixes: tuple[str, ...]) -> Iterator[str]:
        """`a/b/C`, or `a/b` where the last part is a name inside the file."""
        for candidate in (name, posixpath.dirname(name)):
            found = list(self._file(candidate, here, suffixes)) if candidate else []
            if found:
                yield from found
                return

    def _file(self, name: str, here: str, suffixes: tuple[str, ...]) -> Iterator[str]:
        """The one file of this name: from here, else the nearest whose path ends so."""
        for suffix in suffixes:
            exact = posixpath.normpath(posixpath.join(here, name + suffix))
            if exact in self._paths:
                yield exact
                return
        if name.startswith("."):
            return
        for suffix in suffixes:
            tail = posixpath.normpath(name + suffix)
            ending = [
                p
                for p in self._by_name.get(posixpath.basename(tail), ())
                if p == tail or p.endswith("/" + tail)
            ]
            if ending:
                yield min(
                    ending,
                    key=lambda p: (
                        -len(posixpath.commonpath([p, posixpath.join(here, "x")])),
                        len(p),
                        p,
                    ),
                )
                return

    def _folder(self, name: str, suffixes: tuple[str, ...]) -> Iterator[str]:
        """All files of the folder with the longest path that the name ends with."""
        parts = name.split("/")
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            for folder in sorted(self._by_folder):
                if folder == tail or folder.endswith("/" + tail):
                    yield from (p for p in self._by_folder[folder] if p.endswith(suffixes))
                    return


def language_is_python(path: str) -> bool:
    """Whether imports are written as in Python: relative ones with dots, several names in one
    statement."""
    language = language_of(path)
    return language is not None and language.name in ("Python", "Cython")


def python_modules(statement: str, here: str) -> Iterator[str]:
    """The module paths that an import statement may name: `a.b as c, d` or `from ..a import b,
    c`."""
    found = _FROM.match(statement)
    if not found:
        for item in statement.split(","):
            if name := _NAME.match(item.strip()):
                yield name[0].replace(".", "/")
        return
    dots, module, names = found[1], found[2].replace(".", "/"), found[3].strip("() \t\n")
    base = here
    for _ in dots[1:]:
        base = posixpath.dirname(base)
    parent = posixpath.join(base, module) if dots else module
    submodules = [name[0] for item in names.split(",") if (name := _NAME.match(item.strip()))]
    yield from (posixpath.join(parent, name) for name in submodules)
    if parent:
        yield parent
