"""Programs with tests: how they are read, what is proven, and what becomes a document."""

from __future__ import annotations

import pytest

from synth.code import trust
from synth.code.sandbox import Isolation, isolation
from synth.judging import judge
from synth.recipe import Seed, Unparsable
from synth.recipes import programs as p

SEED = Seed(
    text="Rain is measured in millimetres; a day with under 1 mm is dry.", language="eng_Latn"
)
OLD = Seed(
    text="def dryDays(rain):\n    n = 0\n    for i in range(len(rain)):\n        if rain[i] < 1: n += 1\n    return n",
    language="",
)
CODE = '''\
def dry_days(rain: list[float], limit: float = 1.0) -> int:
    """Count the days with less rain than `limit`, in millimetres."""
    return sum(day < limit for day in rain)
'''
TESTS = """\
assert dry_days([]) == 0
assert dry_days([0.0, 1.0, 0.9]) == 2
assert dry_days([3.0, 2.0], limit=2.5) == 1
"""
needs_sandbox = pytest.mark.skipif(
    not isolation().full, reason=f"no isolation here: {isolation().missing}"
)


def fenced(code: str = CODE, tests: str = TESTS) -> str:
    return f"```python\n{code}```\n\n```python\n{tests}```"


def reason(answer: str, recipe=p.CODE_SNIPPET, seed=SEED) -> tuple[str, str]:
    found = judge(recipe, seed, answer, "stop")
    return found.reason, found.detail


# ---------------------------------------------------------------- form


def test_two_blocks_are_read_in_the_forms_that_models_write():
    wanted = fenced()
    said = f"The function:\n\n{wanted}\n\nThe tests cover an empty list."
    for answer in (
        wanted,
        said,
        wanted.replace("```python", "```py"),
        wanted.replace("python", ""),
    ):
        assert p.program(answer) == wanted
    assert p.program(wanted.replace("```", "````")) == wanted
    assert p.parts(wanted) == (CODE.rstrip(), TESTS.rstrip())


def test_tests_lose_imports_that_their_own_module_has_no_use_for():
    for head in (
        "from solution import dry_days\n",
        "from __future__ import annotations\n\nfrom solution import (\n    dry_days,\n)\n\n",
    ):
        assert p.program(fenced(tests=head + TESTS)) == fenced()
    kept = "import math\nfrom solutions import x\n"
    assert p.program(fenced(tests=kept + TESTS)) == fenced(tests=kept + TESTS)
    assert "assert (" in p.program(fenced(tests="assert (\n"))


@pytest.mark.parametrize(
    "answer",
    [
        CODE,
        f"```python\n{CODE}{TESTS}```",
        f"{fenced()}\n\n```python\nprint(dry_days([1.0]))\n```",
        f"```python\n{CODE}```\n\n```bash\npython tests.py\n```",
        f"```python\n{CODE}```\n\n```python\n\n```",
    ],
    ids=["no block", "one", "three", "another language", "no tests"],
)
def test_what_is_not_two_blocks_of_python(answer):
    with pytest.raises(Unparsable, match="two fenced blocks"):
        p.program(answer)


# ---------------------------------------------------------------- proof


@needs_sandbox
def test_the_document_is_one_module_that_can_be_run():
    found = judge(p.CODE_SNIPPET, SEED, fenced(), "stop")
    assert found.text == f"{CODE}\n\n{TESTS}"
    exec(compile(found.text, "document", "exec"), {})


@needs_sandbox
@pytest.mark.parametrize(
    ("code", "tests", "guard"),
    [
        (CODE.replace("day < limit", "day <= limit"), TESTS, "tests_pass"),
        (CODE, "assert dry_days([]) == dry_days([])\nassert True\n", "tests_bite"),
        (CODE, "dry_days([1.0])\n", "tests_bite"),
        (CODE, TESTS + "assert dry_days([0.5]) == 1\n" * 3, "repeated_lines"),
        (CODE.replace(": list[float]", ""), TESTS, "typed"),
        (CODE.replace('    """Count', '    _ = """Count'), TESTS, "documented"),
        (CODE.replace("-> int:", "-> int"), TESTS, "typed"),
        (CODE, "assert dry_days([]) ==\n", "parses"),
        (f"import numpy\n\n\n{CODE}", TESTS, "tests_pass"),
        (
            CODE.replace("    return", "    if False:\n        missing()\n    return"),
            TESTS,
            "self_contained",
        ),
        (CODE, f"import solution\n\n{TESTS}", "one_module"),
        (CODE, f"def test_it():\n    from solution import dry_days\n\n{TESTS}", "one_module"),
    ],
    ids=[
        *("wrong", "vacuous", "no assertion", "the same", "untyped", "undocumented", "broken code"),
        *("broken tests", "package", "undefined", "itself", "itself inside"),
    ],
)
def test_what_is_not_proven_is_turned_down(code, tests, guard):
    assert reason(fenced(code, tests))[0] == guard


@needs_sandbox
def test_lines_may_repeat_in_programs():
    errors = "".join(
        f"try:\n    dry_days({bad})\nexcept TypeError:\n    pass\nelse:\n    raise AssertionError\n"
        for bad in ("None", "3", "['a']", "[None]", "1.5", "[[]]")
    )
    assert reason(fenced(tests=TESTS + errors)) == ("", "")


@needs_sandbox
def test_a_rewrite_is_about_its_seed_and_no_copy_of_it():
    assert reason(fenced(), p.CODE_REWRITE, OLD) == ("", "")
    other = Seed(text="def parse_header(line):\n    return line.split(':')\n", language="")
    assert reason(fenced(), p.CODE_REWRITE, other)[0] == "related"
    same = Seed(text=CODE, language="")
    assert reason(fenced(), p.CODE_REWRITE, same)[0] == "copied"


def test_without_a_sandbox_the_answer_is_turned_down_and_the_run_goes_on(monkeypatch):
    none = Isolation(full=False, missing="user namespaces: EPERM", remedy="Allow them.")
    monkeypatch.setattr(trust, "isolation", lambda: none)
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    guard, detail = reason(fenced())
    assert guard == "isolated"
    assert "Allow them." in detail
