"""Recipes for code: Python functions with types, documentation and tests, which are run before they are believed.

The answer is two fenced blocks, the program and its tests. Both go through `synth.code.trust`: the tests pass, and
notice faults that are put into the program. The document is one module, the tests below what they test, so that it
can be run as it stands; imports of the module itself go.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from corpus.guards import Verdict, repeated_lines, verdict
from synth.code.style import copied, documented, related, typed
from synth.code.trust import verified
from synth.code.verify import Candidate
from synth.recipe import Recipe, Seed, Unparsable

FENCED = re.compile(r"^(`{3,})[ \t]*([\w+-]*)[^\n`]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
PYTHON = {"", "python", "python3", "py"}
_HEAD = ("__future__", "solution")  # what tests in the program's own module do not import


def program(answer: str) -> str:
    """The program and its tests, as two fenced blocks without a word around them."""
    blocks = [(kind.lower(), text.strip("\n")) for _, kind, text in FENCED.findall(answer)]
    if len(blocks) != 2 or not all(kind in PYTHON and text.strip() for kind, text in blocks):
        kinds = ", ".join(kind or "no language" for kind, _ in blocks) or "none"
        raise Unparsable(f"two fenced blocks of Python are needed, program and tests: {kinds}")
    (_, code), (_, tests) = blocks
    return f"```python\n{code}\n```\n\n```python\n{_without_head(tests)}\n```"


def is_proven(seed: Seed, text: str) -> Sequence[Verdict]:
    """Typed, documented, no copy, and shown to work by tests that are worth it."""
    code, tests = parts(text)
    return (
        typed(code),
        documented(code),
        copied(seed.text, code),
        _repeated(tests),
        *verified(Candidate(language="python", code=code, tests=tests)),
        _one_module(seed, text),
    )


def is_proven_rewrite(seed: Seed, text: str) -> Sequence[Verdict]:
    """The same, about what the seed is about."""
    return (related(seed.text, parts(text)[0]), *is_proven(seed, text))


def module(seed: Seed, text: str) -> str:
    """The document: the program, and the tests below it."""
    code, tests = parts(text)
    return f"{code}\n\n\n{tests}\n"


def parts(text: str) -> tuple[str, str]:
    """Program and tests of what `program` gave."""
    (_, _, code), (_, _, tests) = FENCED.findall(text)
    return code.rstrip("\n"), tests.rstrip("\n")


def _without_head(tests: str) -> str:
    """The tests without imports of `solution` and of the future; as they are where they do not parse."""
    try:
        body = ast.parse(tests).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return tests
    lines = tests.splitlines()
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module in _HEAD:
            lines[node.lineno - 1 : node.end_lineno] = [""] * _height(node)
    return "\n".join(lines).strip("\n")


def _height(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _repeated(tests: str) -> Verdict:
    """One assertion over and over; other lines of a program may repeat."""
    lines = map(str.strip, tests.splitlines())
    return repeated_lines("\n".join(line for line in lines if line.startswith("assert ")))


def _one_module(seed: Seed, text: str) -> Verdict:
    """The document parses, and imports nothing of itself."""
    try:
        tree = ast.parse(module(seed, text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return verdict("one_module", str(error))
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    found = next((ast.unparse(node) for node in imports if _is_of_solution(node)), None)
    return verdict("one_module", found)


def _is_of_solution(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "solution"
    return any(alias.name == "solution" for alias in node.names)


CODE_SNIPPET = Recipe(
    name="code_snippet",
    version=1,
    role="code",
    seeds="n_words >= 50 AND (language IS NOT NULL OR kind = 'code')",
    characters=(200, 3000),
    max_tokens=2048,
    temperatures=(0.4, 0.7, 0.9),
    parse=program,
    verify=is_proven,
    alone=("empty", "character_run", "gzip_ratio", "unclosed"),
    language="any",
    compose=module,
    literature="code inspired by seeds: OSS-Instruct, arXiv 2312.02120; code textbooks and exercises: phi-1, "
    "arXiv 2306.11644",
)
CODE_REWRITE = replace(
    CODE_SNIPPET,
    name="code_rewrite",
    seeds="lower(programming_language) = 'python' AND NOT joined",
    characters=(200, 6000),
    max_tokens=3072,
    verify=is_proven_rewrite,
    literature="code rewritten to be self-contained: SwallowCode, arXiv 2505.02881",
)
