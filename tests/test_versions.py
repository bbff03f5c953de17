"""A VERSION constant is raised when the output of its module changes; this test reminds of it.

`tests/versions.json` holds, for each module of ours with a `VERSION`, that version and a hash of every source file
that decides its output: the module itself and the modules of ours that it imports, directly or not. Two kinds of
import are not followed: modules with a `VERSION` of their own, which stand in the same fingerprints (a reader is
the exception: it follows other readers), and PLUMBING, which moves bytes and words messages but computes no value.

Docstrings, comments and layout do not count: what is hashed is the syntax tree.

    python tests/test_versions.py     writes versions.json anew
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORD = Path(__file__).parent / "versions.json"
PACKAGES = ("corpus", "annotators", "synth", "mixers", "workflows")
PLUMBING = {
    *("corpus.errors", "corpus.fingerprint", "corpus.limits", "corpus.storage"),
    *("corpus.strict_yaml", "workflows.engine", "workflows.layout", "workflows.measures"),
    *("workflows.plan", "workflows.progress"),
}
STEPS = "workflows.layout"  # its VERSION stands for the steps' own code
NOT_OF_STEPS = {"corpus.segment", "mixers.mixture"}  # count with the annotators and mixers instead
DATA = {"corpus.languages": "corpus/data/*.[cj]s*"}  # tables that a module reads
REMEDY = """\
If the output of {name} changed for any input, raise its VERSION (now {version}): outputs made by the old code are \
then made again. If it cannot have changed (a renamed variable, a new message, a faster way to the same result), leave \
VERSION alone. Either way, write the new state down with `python tests/test_versions.py` and commit \
tests/versions.json."""


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by name."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}


@cache
def tree(name: str) -> ast.Module:
    """The syntax tree of a module, without docstrings."""
    return without_docstrings(modules()[name].read_text(encoding="utf-8"))


def without_docstrings(source: str) -> ast.Module:
    parsed = ast.parse(source)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return parsed


def digest(content: bytes | str) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:16]


@cache
def version_of(name: str) -> int | None:
    """The VERSION that a module assigns, None where it has none."""
    for node in tree(name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION":
            return int(ast.literal_eval(node.value))
    return None


def imports(name: str) -> Iterator[str]:
    """The modules of ours that a module names in its imports."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (module for module in found if module in modules())


def decides(name: str) -> set[str]:
    """The modules whose source decides the output of `name`."""
    steps = [m for m in modules() if m.startswith("workflows.steps.") and version_of(m) is None]
    pending = steps if name == STEPS else [name]
    found: set[str] = set()
    while pending:
        module = pending.pop()
        found.add(module)
        pending += [m for m in imports(module) if m not in found and is_followed(name, m)]
    return found


def is_followed(name: str, module: str) -> bool:
    if module in PLUMBING or (name == STEPS and module in NOT_OF_STEPS):
        return False
    both_read = all(m.startswith("corpus.readers.") for m in (name, module))
    return both_read or version_of(module) is None


def state(name: str) -> dict[str, object]:
    """What versions.json says of a module: its version, and the hash of each file that decides its output."""
    files = {module: digest(ast.dump(tree(module))) for module in sorted(decides(name))}
    for module, pattern in DATA.items():
        if module in files:
            tables = sorted(ROOT.glob(pattern))
            assert tables, pattern
            files |= {str(p.relative_to(ROOT)): digest(p.read_bytes()) for p in tables}
    return {"version": version_of(name), "files": files}


def versioned() -> list[str]:
    return [name for name in modules() if version_of(name) is not None]


def recorded() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def problem(name: str, before: dict[str, object] | None, now: dict[str, object]) -> str | None:
    """What to tell the developer, None where nothing changed."""
    if before == now:
        return None
    if before is None:
        return (
            f"{name} has a VERSION and is not in tests/versions.json: python tests/test_versions.py"
        )
    if before["version"] != now["version"]:
        return (
            f"{name} went from VERSION {before['version']} to {now['version']}; write it down with "
            "`python tests/test_versions.py` and commit tests/versions.json"
        )
    old, new = dict(before["files"]), dict(now["files"])  # type: ignore[call-overload]
    changed = [file for file in sorted(old | new) if old.get(file) != new.get(file)]
    remedy = REMEDY.format(name=name, version=now["version"])
    return f"what decides the output of {name} changed: {', '.join(changed)}.\n{remedy}"


@pytest.mark.parametrize("name", versioned())
def test_a_change_of_source_comes_with_a_version(name: str) -> None:
    message = problem(name, recorded().get(name), state(name))
    assert message is None, message


def test_nothing_is_recorded_that_is_gone() -> None:
    gone = recorded().keys() - set(versioned())
    assert not gone, f"{sorted(gone)}: gone or without VERSION; python tests/test_versions.py"


def test_every_annotator_and_reader_has_a_version() -> None:
    from annotators import ANNOTATORS
    from corpus.readers import READERS

    expected = {f"annotators.{name}" for name in ANNOTATORS}
    expected |= {f"corpus.readers.{name}" for name in READERS}
    assert expected <= set(versioned())


def test_helpers_count_and_words_about_the_code_do_not() -> None:
    assert {"annotators.c4", "corpus.segment", "corpus.languages"} <= decides(
        "annotators.statistics"
    )
    assert "corpus.storage" not in decides("annotators.contamination")
    assert "corpus.readers.html" in decides("corpus.readers.warc")
    assert "workflows.steps.pack" in decides(STEPS)
    assert "mixers.packing" not in decides(STEPS)
    code = 'def f():\n    """One."""\n    return 1  # one\n'
    same, other = "def f():\n\n    return 1\n", "def f():\n    return 2\n"
    assert ast.dump(without_docstrings(code)) == ast.dump(without_docstrings(same))
    assert ast.dump(without_docstrings(code)) != ast.dump(without_docstrings(other))


def test_the_message_says_what_to_do() -> None:
    before = {"version": 1, "files": {"a.b": "1", "a.c": "1"}}
    changed = problem("a.b", before, {"version": 1, "files": {"a.b": "1", "a.c": "2"}})
    assert changed is not None
    assert "changed: a.c." in changed
    assert "raise its VERSION (now 1)" in changed
    raised = problem("a.b", before, {"version": 2, "files": {"a.b": "2", "a.c": "1"}})
    assert raised is not None
    assert "from VERSION 1 to 2" in raised
    assert problem("a.b", before, dict(before)) is None


def main() -> None:
    content = {name: state(name) for name in versioned()}
    RECORD.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
