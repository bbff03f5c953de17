"""Answers to mathematical problems: found, compared, agreed on and checked."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.limits import Limits
from synth.math.arithmetic import annotated_steps, arithmetic, steps
from synth.math.final_answers import final_answer
from synth.math.verify import OF_CHILD, Mathematics, agreement, equivalent, verify

PAIRS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "latex_pairs.tsv").read_text("utf-8").splitlines()[1:]
]
BITES = Limits(cpu_seconds=2, memory_bytes=1 << 30)
FEW = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def mathematics():
    with Mathematics() as found:
        yield found


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{4}. No, wrong: \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\{1, \sqrt{2}\}} is the set", r"\{1, \sqrt{2}\}"),
        (r"\boxed{a\}b}", r"a\}b"),
        (r"we have \boxed 7", "7"),
        ("48/2=24\n#### 1,000", "1,000"),
        ("#### 1\nand again\n#### -2 ", "-2"),
        ("The answer is 3.5. It is small.", "3.5"),
        ("The answer is 12, because 3 times 4 is 12.", "12"),
        ("**Answer:** $x = 3$", "x = 3"),
        ("Final answer: **42**", "42"),
        (r"Therefore the final answer is \(\frac{3}{4}\).", r"\frac{3}{4}"),
        ("The answer is 5. Wait. The answer is 6.", "6"),
        ("La réponse est 12.", "12"),
        ("Die Antwort lautet 7,5", "7,5"),
        ("Respuesta: 9", "9"),
        ("所以答案是12。", "12"),
        (r"The answer is 5, and \boxed{6}", "6"),
        (r"\boxed{} and #### 3", None),
        (r"\boxed{unclosed", None),
        ("no result here", None),
        ("", None),
        ("The answer is", None),
    ],
)
def test_the_final_answer_is_found(text, answer):
    assert final_answer(text) == answer


def test_a_box_that_is_empty_or_open_leaves_the_answer_to_the_next_form():
    assert final_answer("\\boxed{}\n#### 3") == "3"
    assert final_answer("The answer is 8.\n\\boxed{8") == "8"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "\\boxed{" * 150_000,
        "{" * 1_000_000,
        "answer is " * 100_000,
        "####\n" * 200_000,
        "**Answer:** " * 80_000,
        "1=1" * 300_000,
        "1+1=2\n" * 150_000,
        "<<1+1=2>>" * 100_000,
        "((((" * 250_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_is_searched_in_seconds(text):
    start = time.process_time()
    final_answer(text)
    arithmetic(text)
    assert time.process_time() - start < 5


def test_at_least_99_in_100_pairs_are_right_in_both_classes(mathematics):
    before = mathematics.undecided.copy()
    wrong, counts = defaultdict(list), Counter(equal for _, _, equal, _ in PAIRS)
    for left, right, equal, kind in PAIRS:
        if mathematics.equivalent(left, right) != (equal == "1"):
            wrong[equal].append((kind, left, right))
    assert counts["1"] >= 250
    assert counts["0"] >= 250
    for equal in "01":
        assert len(wrong[equal]) <= 0.01 * counts[equal], wrong[equal]
    assert not mathematics.undecided.keys() - before.keys() - {"unreadable", "undecided"}


def test_the_order_of_a_pair_does_not_matter(mathematics):
    sample = PAIRS[::9]
    asymmetric = [
        (left, right)
        for left, right, _, _ in sample
        if mathematics.equivalent(left, right) != mathematics.equivalent(right, left)
    ]
    assert len(sample) > 150
    assert asymmetric == []


def test_every_answer_is_itself_in_other_clothes(mathematics):
    for left, _, _, _ in PAIRS[::17]:
        assert mathematics.equivalent(left, left)
        if "$" not in left and "*" not in left:
            assert mathematics.equivalent(rf"\boxed{{{left}}}", left), left
            assert mathematics.equivalent(f" ${left}$ ", left), left


@FEW
@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(2, 50))
def test_a_fraction_is_its_expansion_and_not_its_neighbour(above, below, times):
    shared = shared_mathematics()
    left, right = rf"\frac{{{above}}}{{{below}}}", f"{above * times}/{below * times}"
    assert shared.equivalent(left, right)
    assert not shared.equivalent(left, rf"\frac{{{above + 1}}}{{{below}}}")
    assert not shared.equivalent(left, rf"{-above if above else 1}/{below}")


@FEW
@given(st.decimals(0, 10**9, places=3))
def test_a_decimal_is_its_fraction_with_any_separators(number):
    shared = shared_mathematics()
    exact = Fraction(number)
    written = f"{number:,f}"
    assert shared.equivalent(written, f"{exact.numerator}/{exact.denominator}")
    assert shared.equivalent(rf"\${written}", f"{number:f} dollars")
    assert not shared.equivalent(written, f"{number + 1:f}")


@FEW
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=5, unique=True))
def test_order_counts_in_tuples_and_not_in_sets(numbers):
    shared = shared_mathematics()
    forward, back = ", ".join(map(str, numbers)), ", ".join(map(str, numbers[::-1]))
    assert shared.equivalent(rf"\{{{forward}\}}", rf"\{{{back}\}}")
    assert not shared.equivalent(f"({forward})", f"({back})")
    assert not shared.equivalent(rf"\{{{forward}\}}", rf"\{{{forward}, 21\}}")


@FEW
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_a_product_of_two_roots_is_its_expansion(a, b):
    shared = shared_mathematics()
    factored = f"(x - ({a}))(x - ({b}))"
    assert shared.equivalent(factored, f"x^2 - ({a + b})x + ({a * b})")
    assert not shared.equivalent(factored, f"x^2 - ({a + b})x + ({a * b + 1})")


@FEW
@given(st.text(alphabet=r"\{}()[]^_$%&0123456789.,xyzeif+-*/=<>| acrtqsn", max_size=60))
def test_any_text_gives_an_answer_and_equals_itself(text):
    shared = shared_mathematics()
    assert shared.equivalent(text, text) == bool(text.strip())
    assert shared.equivalent(text, "7") == shared.equivalent("7", text)


_SHARED: list[Mathematics] = []


def shared_mathematics():
    """One child for all examples: hypothesis does not like fixtures."""
    if not _SHARED:
        _SHARED.append(Mathematics())
    return _SHARED[0]


def teardown_module():
    for one in _SHARED:
        one.close()


@pytest.mark.parametrize(
    "monstrous",
    [
        "9^{9^{9^{9}}}",
        "2^{2^{2^{2^{2^{2}}}}}",
        "((999!)!)!",
        r"\binom{10^9}{10^8}",
        "1e999999999",
        r"\sin(10^{10^{10}})",
        "(" * 900 + "1" + ")" * 900,
        "x^" * 600 + "x",
        r"\frac" * 300,
        r"\text{" * 200,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_too_large_or_too_deep_is_told_at_once(mathematics, monstrous):
    start, before = time.monotonic(), mathematics.undecided.copy()
    assert not mathematics.equivalent(monstrous, "7")
    assert time.monotonic() - start < 8
    assert set(mathematics.undecided - before) <= {"too_large", "unreadable"}
    assert mathematics.undecided != before


def test_the_time_limit_bites_and_the_next_pair_is_served():
    with Mathematics(BITES) as mathematics:
        assert mathematics.equivalent("1/2", "0.5")
        assert not mathematics.equivalent(r"\lfloor e^{e^{e^{e^{e}}}} \rfloor", "7")
        assert mathematics.undecided == Counter(cpu=1)
        assert mathematics.equivalent("1/2", "0.5")


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "   ",
        "{",
        "}{",
        r"\frac{1}{",
        r"\left(",
        "$",
        "\\",
        "a" * 1_000_000,
        r"\boxed{" * 1000,
        "\x00",
        "\ud800",
        "'; drop",
        r"\begin{pmatrix} 1 & 2",
        r"\end{pmatrix}",
        "x_",
        "x^",
        r"\sqrt[",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_input_is_not_shown_equal(mathematics, hostile):
    assert not mathematics.equivalent(hostile, "7")
    assert not mathematics.equivalent("7", hostile)
    final_answer(hostile)
    arithmetic(hostile)


def test_nothing_is_evaluated_as_python(mathematics, tmp_path):
    trace = tmp_path / "trace"
    for code in (
        f"__import__('os').system('touch {trace}')",
        rf"\text{{open('{trace}', 'w')}}",
        f"(lambda: open('{trace}','w'))()",
        rf"\frac{{open('{trace}','w')}}{{1}} = \sum_{{k=1}}^3 k",
        f"eval(\"open('{trace}','w')\")",
    ):
        assert not mathematics.equivalent(code, "1")
        assert not mathematics.equivalent("$x = 1$", code)
        arithmetic(f"{code} + 1 = 2 <<{code}=1>>")
    assert not trace.exists()


def test_what_has_no_value_is_not_shown_equal(mathematics):
    assert not mathematics.equivalent(r"\frac{1}{0}", r"\frac{2}{0}")
    assert not mathematics.equivalent(r"\infty - \infty", r"\frac{0}{0}")


def test_long_answers_equal_only_themselves(mathematics):
    before = mathematics.undecided["too_long"]
    assert mathematics.equivalent("1+" * 2000 + "1", "1+" * 2000 + "1")
    assert not mathematics.equivalent("1+" * 2000 + "1", "2001")
    assert mathematics.undecided["too_long"] == before + 1


def test_sympy_stays_in_the_child():
    code = (
        "import sys, synth.math.verify; print('sympy' in sys.modules, 'math_verify' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_versions_of_what_the_child_loads_are_those_of_its_modules():
    code = (
        "import sys, synth.math.verify; before = set(sys.modules); import synth.math.equality; "
        "ours = [m for n, m in sys.modules.items() if n.startswith(('corpus.', 'synth.')) and n not in before]; "
        "print({m.__name__: m.VERSION for m in ours if hasattr(m, 'VERSION')})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == OF_CHILD


def test_samples_agree_when_the_first_leads_the_second_by_the_margin(mathematics):
    answers = [r"\frac{1}{2}", "0.5", "2", None, "1/2"]
    found = mathematics.agreement(answers, margin=0.4)
    assert (found.answer, found.share, found.margin) == (r"\frac{1}{2}", 0.6, pytest.approx(0.4))
    assert found.groups == ((r"\frac{1}{2}", 3), ("2", 1))
    assert found.members == (0, 1, 4)
    assert found.verdict.passed
    assert found.verdict.guard == "agreement"
    tight = mathematics.agreement(answers, margin=0.5)
    assert tight.answer is None
    assert not tight.verdict.passed
    assert tight.verdict.detail == "3 and 1 of 5"


def test_no_sample_with_an_answer_is_no_agreement(mathematics):
    found = mathematics.agreement([None, None])
    assert (found.answer, found.share, found.groups) == (None, 0, ())
    tie = mathematics.agreement(["1", "2"])
    assert tie.answer is None


@pytest.mark.parametrize("margin", [0, -0.1, 1.1])
def test_a_margin_is_a_share(mathematics, margin):
    with pytest.raises(ValueError, match="margin is"):
        mathematics.agreement(["1"], margin=margin)
    with pytest.raises(ValueError, match="no answers"):
        mathematics.agreement([])


SOUND = "She has 12 * 4 = 48 apples and gives 8 away: 48 - 8 = 40.\n#### 40"
WRONG_STEP = "She has 12 * 4 = 46 apples.\n#### 40"
OTHER = "12 + 4 = 16 and 16 - 8 = 8\n#### 8"


def test_a_problem_is_verified_by_its_solutions(mathematics):
    found = mathematics.verify("How many are left?", [WRONG_STEP, SOUND, SOUND, OTHER])
    assert found.passed
    assert (found.answer, found.chosen) == ("40", 1)
    names = [verdict.guard for verdict in found.verdicts]
    assert names == ["problem_open", "answer_found", "agreement", "arithmetic"]


@pytest.mark.parametrize(
    ("problem", "solutions", "failed"),
    [
        ("How many?\n#### 40", [SOUND, SOUND], {"problem_open"}),
        (" ", [SOUND, SOUND], {"problem_open"}),
        ("How many?", [SOUND], {"answer_found"}),
        ("How many?", [SOUND, OTHER], {"agreement"}),
        ("How many?", [WRONG_STEP, WRONG_STEP], {"arithmetic"}),
        ("How many?", ["dunno", "dunno"], {"answer_found", "agreement", "arithmetic"}),
    ],
)
def test_each_guard_of_a_problem_can_fail(mathematics, problem, solutions, failed):
    found = mathematics.verify(problem, solutions)
    assert {verdict.guard for verdict in found.verdicts if not verdict.passed} == failed
    assert found.chosen is None or failed <= {"problem_open", "answer_found"}


def test_the_short_forms_do_the_same():
    assert equivalent("1/2", "0.5")
    assert agreement(["1", "1.0"]).answer == "1"
    assert verify("How many?", [SOUND, SOUND]).passed


@pytest.mark.parametrize(
    "line",
    [
        "12 * 4 = 48",
        "He pays $5 * 3 = $15 in total.",
        "48/2 = <<48/2=24>>24 clips",
        r"$12 \times 4 = 48$",
        r"\frac{3}{4} \cdot 8 = 6",
        "10 / 3 = 3.33",
        "2 / 3 = 0.66",
        "2 / 3 = 0.67",
        "1,000 + 500 = 1,500",
        "(3 + 4) x 2 = 14",
        "2 + 3 = 5 = 10 / 2",
        "20% * 50 = 10",
        "15 / 60 * 100 = 25%",
        "That makes 0.2 x 50 = 10.",
        "5 - 8 = -3",
    ],
)
def test_right_arithmetic_passes(line):
    assert steps(line).checked >= 1
    assert arithmetic(line).passed


@pytest.mark.parametrize(
    "line",
    [
        "12 * 4 = 46",
        "<<48/2=23>>",
        r"12 \times 4 = 84",
        "10 / 3 = 3.34",
        "10 / 3 = 3",
        "1,000 + 500 = 1,050",
        "2 + 3 = 5 = 10 / 3",
        "(3 + 4) x 2 = 11",
        "5 - 8 = 3",
        "1 / 0 = 0",
        "20% * 50 = 100",
    ],
)
def test_wrong_arithmetic_is_named(line):
    verdict = arithmetic(f"First, 1 + 1 = 2.\nThen {line}")
    assert (verdict.guard, verdict.passed) == ("arithmetic", False)
    assert verdict.detail


@pytest.mark.parametrize(
    "line",
    [
        "2x + 3 * 4 = 12",
        "x = 4",
        "n^2 + 3 = 12",
        "f(2 + 1) = 12",
        "3 apples * 2 = 6 apples",
        "12 x 1 and 1/4 = 15",
        "$1 / 2 = 50 cents",
        "a + 2 = 5",
        "if 3 + 4 == 8",
        "3 + 4 >= 5",
        r"\sqrt{2 + 7} = 3",
        r"2^3 + 1 = 9",
    ],
)
def test_algebra_is_left_alone(line):
    assert steps(line).wrong == ()


def test_annotations_alone():
    found = annotated_steps("<<1+1=3>> and 2 + 2 = 5, <<2*3=6>>")
    assert (found.checked, found.wrong) == (2, ("<<1+1=3>>",))
