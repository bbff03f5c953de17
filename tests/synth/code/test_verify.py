"""Candidates made by hand, and what the verifier has to say of each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from synth.code import sandbox
from synth.code import verify as verifier
from synth.code.sandbox import IsolationError, Limits, isolation
from synth.code.verify import LANGUAGES, Candidate, Settings, available, verify

pytestmark = pytest.mark.skipif(
    not isolation().full, reason=f"no isolation here: {isolation().missing}"
)
ALL = ["parses", "isolated", "tests_pass", "tests_bite", "stdlib_only", "self_contained"]
CLAMP = """\
def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value
"""
CLAMP_TESTS = """\
assert clamp(5, 0, 10) == 5
assert clamp(-1, 0, 10) == 0
assert clamp(11, 0, 10) == 10
"""


def failed(code: str, tests: str, language: str = "python", **settings: object) -> dict[str, str]:
    """The guards that did not pass, with their words."""
    candidate = Candidate(language=language, code=code, tests=tests)
    verdicts = verify(candidate, Settings(**settings))
    names = ALL if language == "python" else ALL[:4]
    assert [verdict.guard for verdict in verdicts] == names
    return {verdict.guard: verdict.detail for verdict in verdicts if not verdict.passed}


# ---------------------------------------------------------------- good candidates


@pytest.mark.parametrize(
    "tests",
    [
        CLAMP_TESTS,
        f"def test_clamp():\n    {CLAMP_TESTS.replace(chr(10), chr(10) + '    ')}",
        f"from solution import clamp as c\n{CLAMP_TESTS.replace('clamp', 'c')}",
        "import unittest\nclass Tests(unittest.TestCase):\n    def test(self):\n"
        "        self.assertEqual(clamp(5, 0, 10), 5)\n        self.assertEqual(clamp(-1, 0, 10), 0)\n"
        "        self.assertEqual(clamp(11, 0, 10), 10)\n",
        f"if __name__ == '__main__':\n    raise SystemExit(3)\n{CLAMP_TESTS}",
        f"if clamp(-1, 0, 10) != 0:\n    raise ValueError('low')\n{CLAMP_TESTS}",
    ],
    ids=["script", "function", "import", "unittest", "main", "raises"],
)
def test_right_code_with_real_tests_passes(tests):
    assert failed(CLAMP, tests) == {}


def test_code_may_use_the_standard_library_files_and_processes_of_its_own():
    code = (
        "import json, pathlib, subprocess, tempfile\n"
        "def kept(value):\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        path = pathlib.Path(folder, 'f')\n"
        "        path.write_text(json.dumps(value + 1))\n"
        "        return int(subprocess.run(['cat', path], capture_output=True).stdout) - 1\n"
    )
    assert failed(code, "assert kept(3) == 3\nassert kept(-5) == -5") == {}


def test_errors_that_code_should_raise_can_be_tested():
    code = (
        "def root(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x ** 0.5\n"
    )
    tests = (
        "assert root(4) == 2 and root(0) == 0\n"
        "try:\n    root(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False\n"
    )
    assert failed(code, tests) == {}


def test_equal_candidates_have_equal_verdicts():
    candidate = Candidate(language="python", code=CLAMP, tests=CLAMP_TESTS)
    assert verify(candidate) == verify(candidate)


# ---------------------------------------------------------------- wrong ones


@pytest.mark.parametrize(
    ("code", "tests", "detail"),
    [
        (CLAMP.replace("return high", "return low"), CLAMP_TESTS, "failed: AssertionError: "),
        (CLAMP, "def test_it():\n    assert clamp(1, 2, 3) == 1", "failed: AssertionError: "),
        (CLAMP, "assert klamp(1, 2, 3) == 2", "failed: NameError: name 'klamp' is not defined"),
        ("def f():\n    return 1 / 0", "assert f() == 1", "crashed: ZeroDivisionError: division by zero"),
        ("def f():\n    return f()", "assert f()", "crashed: RecursionError"),
        ("import os\nos._exit(0)", "assert False", "exited: exit status 0 before the end of the tests"),
        ("def f(): return 1", "assert f() == 1\nprint('passed')\nimport os; os._exit(0)", "exited: exit status 0"),
        ("def f(): return 1", "print('passed')\nraise SystemExit(0)", "exited: SystemExit: 0"),
        ("import os\nos.kill(os.getpid(), 11)", "assert True", "exited: signal 11"),
        ("def f():\n    while True: pass", "assert f()", "limit: too much time"),
        ("import time\ndef f(): time.sleep(1e6)", "assert f()", "limit: too much time"),
        ("def f(): return bytearray(8 << 30)", "assert f()", "crashed: MemoryError"),
        ("def f(): return open('/etc/passwd').read()", "assert f()", "crashed: FileNotFoundError"),
        ("def f(): return open('trial.py').read()", "assert f()", "crashed: FileNotFoundError"),
        ("def f(): return open('job.marshal').read()", "assert f()", "crashed: FileNotFoundError"),
        ("import socket\ndef f(): return socket.socket()", "assert f()", "crashed: PermissionError"),
        ("def f(): return input()", "assert f()", "crashed: EOFError"),
    ],
)  # fmt: skip
def test_what_fails_hangs_or_leaves_early_is_rejected(code, tests, detail):
    found = failed(code, tests, cpu_seconds=0.3)
    assert found["tests_pass"].startswith(detail)
    assert found["tests_bite"] == "the tests do not pass"


@pytest.mark.parametrize(
    "attack",
    [
        "for fd in range(3, 64):\n"
        "    try: os.write(fd, marshal.dumps(('passed', 5, '')))\n"
        "    except OSError: pass\n"
        "os._exit(0)",
        "for fd in range(64):\n"
        '    try: os.write(fd, b\'["passed", 5, "", 0.1]\\n\' * 30)\n'
        "    except OSError: pass\n"
        "os._exit(0)",
        "os.kill(os.getppid(), 9)",
        "os.kill(os.getppid(), 19)",
        "if os.fork() == 0:\n    os.setsid()\n    import time; time.sleep(1e6)\nassert f() == 2",
        "os.closerange(0, 256)\nassert f() == 2",
    ],
    ids=["messages", "lines", "kills its parent", "stops its parent", "daemon", "closes all"],
)
def test_attacks_on_the_trial_are_rejected(attack):
    limits = Limits(cpu_seconds=20, wall_seconds=3)
    found = failed(
        "def f():\n    return 1\n", f"import marshal, os\n{attack}\nassert f() == 1", limits=limits
    )
    assert "tests_pass" in found
    assert "tests_bite" in found


@pytest.mark.parametrize(
    ("code", "tests"),
    [("def f(:", "assert f()"), ("def f(): pass", "assert f(("), ("x = 1\0", ""), ("(" * 5000, "")],
)
def test_what_does_not_parse_is_not_run(code, tests):
    found = failed(code, tests)
    assert list(found) == ALL
    assert set(list(found.values())[1:]) == {"does not parse"}


def test_code_that_is_too_long_is_not_run():
    assert failed("x = 1\n" * 20_000, "assert x")["parses"] == "code: over 100000 characters"


# ---------------------------------------------------------------- vacuous tests


@pytest.mark.parametrize(
    "tests",
    [
        "assert True",
        "assert clamp",
        "assert clamp(5, 0, 10) == clamp(5, 0, 10)",
        "assert clamp(-1, 0, 10) == clamp(-1, 0, 10)\nassert clamp(11, 0, 10) == clamp(11, 0, 10)",
        "try:\n    assert clamp(5, 0, 10) == 5 and clamp(-1, 0, 10) == 0\nexcept AssertionError:\n    pass",
        "import contextlib\nwith contextlib.suppress(Exception):\n    assert clamp(5, 0, 10) == 5",
        "def test_it(value):\n    assert clamp(value, 0, 10) == 5",
        "async def test_it():\n    assert clamp(5, 0, 10) == 5",
        "assert clamp(5, 0, 10) in range(-100, 100)",
        "assert isinstance(clamp(5, 0, 10), int)",
        "import unittest\nclass Tests(unittest.TestCase):\n    @unittest.skip('later')\n    def test(self):\n"
        "        self.assertEqual(clamp(5, 0, 10), 5)",
    ],
)
def test_tests_that_notice_too_little_are_rejected(tests):
    found = failed(CLAMP, tests)
    assert list(found) == ["tests_bite"]


@pytest.mark.parametrize(
    "tests", ["", "clamp(5, 0, 10)", "if clamp(5, 0, 10) != 5:\n    raise ValueError"]
)
def test_tests_without_an_assertion_are_rejected(tests):
    assert failed(CLAMP, tests)["tests_bite"].startswith("no assertion was run")


def test_crashes_of_mutants_are_no_merit_of_the_tests():
    code = "def third(values):\n    return values[2]\n"
    assert list(failed(code, "assert third([1, 2, 3]) or True")) == ["tests_bite"]
    assert failed(code, "assert third([1, 2, 3]) == 3\nassert third('abcd') == 'c'") == {}


def test_tests_that_count_their_runs_are_found_out():
    for state in ("'seen'", "os.environ['HOME'] + '/deep/seen'"):
        tests = (
            "import os\n"
            f"path = {state}\n"
            "assert not os.path.exists(path)\n"
            "os.makedirs(os.path.dirname(path) or '.', exist_ok=True)\n"
            "open(path, 'w').close()\n"
        )
        assert failed(CLAMP, tests)["tests_bite"] == "noticed 0 of 6 mutants"


def test_tests_that_pass_only_at_times_are_rejected():
    tests = f"import time\nassert time.monotonic() < {{}}\n{CLAMP_TESTS}"
    code = CLAMP + "import time\ntime.sleep(0.1)\n"
    found = failed(code, tests.format(time.monotonic() + 0.8))
    assert found["tests_bite"] in ("the tests do not always pass", "the tests do not pass")


def test_code_without_anything_to_mutate_cannot_be_judged():
    assert (
        failed("def f():\n    pass\n", "assert f() is None")["tests_bite"]
        == "noticed 0 of 0 mutants"
    )


# ---------------------------------------------------------------- imports and names


def test_imports_outside_of_the_standard_library_need_to_be_allowed():
    code = "import regex\ndef f(s):\n    return regex.sub('a', 'b', s)\n"
    tests = "assert f('aa') == 'bb'\nassert f('xay') == 'xby'"
    found = failed(code, tests)
    assert found["stdlib_only"] == "regex"
    assert "ModuleNotFoundError" in found["tests_pass"]
    assert failed(code, tests, allowed_imports=frozenset({"regex"})) == {}
    assert failed("from . import a", "assert a")["stdlib_only"] == "."
    assert failed("x = 1", "import pytest, os.path\nassert x")["stdlib_only"] == "pytest"


def test_an_allowed_import_has_to_be_installed():
    with pytest.raises(ValueError, match="allowed import 'no_such' is not installed"):
        failed("x = 1", "assert x", allowed_imports=frozenset({"no_such"}))


@pytest.mark.parametrize(
    ("code", "undefined"),
    [
        ("def f(a):\n    return g(a) + h", "g, h"),
        ("def f(a: List[int]) -> int:\n    return len(a)", "List"),
        ("print(x)", "x"),
        ("def f():\n    global n\n    n = 1\ndef g():\n    return n", ""),
        ("from math import *\ndef f(a):\n    return sqrt(a)", ""),
        ("class A:\n    x = 1\n    def f(self):\n        return A.x, __name__\n", ""),
        ("import os.path as p, sys\nfor i in range(3):\n    y = [z for z in (i, p, sys)]\n", ""),
        ("def f():\n    def g():\n        return k\n    k = 1\n    return g", ""),
        ("try:\n    f = 1\nexcept Exception as e:\n    print(e)\nwith open('x') as h:\n    h", ""),
        ("match [1]:\n    case [a, *rest]:\n        print(a, rest)\nprint(b := 2, b)", ""),
    ],
)
def test_names_have_to_come_from_somewhere(code, undefined):
    assert failed(code, "assert True").get("self_contained", "") == undefined


# ---------------------------------------------------------------- other languages

FAC = {
    "javascript": (
        "function fac(n) { let r = 1; for (let i = 2; i <= n; i++) r *= i; return r; }",
        "assert.strictEqual(fac(5), 120);\nassert.strictEqual(fac(1), 1);",
    ),
    "c": (
        "int fac(int n) { int r = 1; for (int i = 2; i <= n; i++) r *= i; return r; }",
        "#include <assert.h>\nint main(void) { assert(fac(5) == 120); assert(fac(1) == 1); return 0; }",
    ),
    "java": (
        "public class Fac { static int fac(int n) { int r = 1; for (int i = 2; i <= n; i++) r *= i; return r; } }",
        "public class Tests { public static void main(String[] a) {\n"
        "assert Fac.fac(5) == 120; assert Fac.fac(1) == 1; } }",
    ),
}
EARLY = {
    "javascript": "process.exit(0);",
    "c": "#include <stdlib.h>\nint main(void) { exit(0); }",
    "java": "public class Tests { public static void main(String[] a) { System.exit(0); } }",
}
VACUOUS = {
    "javascript": "assert.ok(true);",
    "c": "#include <assert.h>\nint main(void) { assert(1); return 0; }",
    "java": "public class Tests { public static void main(String[] a) { assert Fac.fac(5) == Fac.fac(5); } }",
}
OTHERS = [
    pytest.param(name, marks=[pytest.mark.skipif(bool(lacks), reason=f"no {lacks}"), *slow])
    for name, lacks in available().items()
    if name != "python"
    for slow in [[pytest.mark.slow] if name == "java" else []]
]


def test_the_trial_lends_code_no_future_features():
    code = "def f(a: int) -> int:\n    return a + 1\n"
    assert failed(code, "assert f(1) == 2\nassert f.__annotations__['a'] is int") == {}


@pytest.mark.parametrize("language", OTHERS)
def test_other_languages(language):
    code, tests = FAC[language]
    few = {"mutants": 2}
    assert failed(code, tests, language, **few) == {}
    assert list(failed(code, VACUOUS[language], language, **few)) == ["tests_bite"]
    wrong = failed(code.replace("r = 1", "r = 2"), tests, language, **few)
    assert wrong["tests_pass"].startswith("failed: ")
    early = failed(code, EARLY[language], language, **few)
    assert early["tests_pass"] == "exited: exit status 0 before the end of the tests"
    broken = failed(code.replace("(", "((", 1), tests, language, **few)
    assert list(broken) == ALL[:4]


def test_javascript_tests_may_bring_their_own_assert_and_import_the_solution():
    code, tests = FAC["javascript"]
    few = {"mutants": 3}
    own = f"const assert = require('node:assert');\n{tests}"
    assert failed(code, own, "javascript", **few) == {}
    exported = f"{code}\nmodule.exports = {{ fac }};"
    imported = f"const {{ fac }} = require('./solution');\n{own}"
    assert failed(exported, imported, "javascript", **few) == {}


def test_each_language_says_what_it_lacks(monkeypatch):
    assert available()["python"] == ""
    monkeypatch.setattr(verifier, "PATH", "/nowhere")
    assert available() == {"python": "", "javascript": "node", "c": "cc", "java": "javac, java"}
    with pytest.raises(ValueError, match="javascript needs node: install it"):
        failed("", "", "javascript")
    with pytest.raises(ValueError, match="give one of python, javascript, c, java"):
        failed("", "", "cobol")
    assert set(FAC) == set(LANGUAGES) - {"python"}


# ---------------------------------------------------------------- settings and isolation


def test_settings_that_judge_nothing_are_refused():
    with pytest.raises(ValueError, match="mutants is 0"):
        Settings(mutants=0)
    with pytest.raises(ValueError, match="kill_share is 0"):
        Settings(kill_share=0)


def test_without_isolation_nothing_is_run_unless_it_is_allowed(monkeypatch):
    candidate = Candidate(language="python", code=CLAMP, tests=CLAMP_TESTS)
    monkeypatch.setattr(sandbox, "_map_users", lambda pid: sandbox._raise("map of users", "no"))
    with pytest.raises(IsolationError):
        verify(candidate)
    refused = sandbox.Isolation(full=False, missing="map of users: no")
    monkeypatch.setattr(sandbox, "isolation", lambda: refused)
    assert list(failed(CLAMP, CLAMP_TESTS, allow_weak=True)) == ["isolated"]


def test_the_trials_need_nothing_of_ours():
    """They are sent into the sandbox, where our packages are not."""
    for name in ("trial_python", "trial_commands"):
        path = Path(verifier.__file__).parent / f"{name}.py"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(path)!r})"]
        )
        assert done.returncode == 0
