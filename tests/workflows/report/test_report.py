"""The report of a lake small enough to count by hand: seven records, two of code, two stages."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from corpus.errors import TokenmillError
from corpus.tokenizer import Tokenizer
from workflows.plan import load_plan
from workflows.report import Report, gather, render, write_report
from workflows.report.figures import percent, ratio, short
from workflows.report.page import band_name, level_name
from workflows.report.samples import choose
from workflows.report.scan import Candidate
from workflows.run import run

ENGLISH = (
    "The ferry leaves at seven in the morning and comes back when the tide allows it. "
    "<script>alert(1)</script> Nobody on the island owns a clock that agrees with any other, so "
    "people listen for the engine instead."
)
ARABIC = (
    "تفتح المكتبة أبوابها كل صباح عند الساعة التاسعة، "
    "ويجلس القراء قرب النوافذ الطويلة حيث الضوء أجمل. "
    "في المساء تطفأ المصابيح واحدا بعد آخر ويعود الجميع إلى بيوتهم."
)
SHORT = "The cat sat on the mat."
TEXTS = (ENGLISH, ENGLISH, ARABIC, SHORT)
PLAN = """
name: tiny
seed: 3
sources:
  - {name: pages, reader: jsonl, path: pages, kind: web}
  - {name: tools, reader: source_tree, path: tools, kind: code}
annotate: {language: {}}
split: {validation: 0.0}
stages:
  general: {seq_len: 256, budget: 400, mixture: general.yaml}
  long: {seq_len: 512, budget: 1000, mixture: long.yaml}
"""
GENERAL = """
name: general
rules: {one_of_cluster: cluster_rank = 0, enough: n_tokens >= 20}
weights: [{kind: code, weight: 0.5}]
"""
LONG = """
name: long
rules: {one_of_cluster: cluster_rank = 0}
lengths: [{at_least: 20, below: 4096, share: 0.25}, {at_least: 4096, share: 0.75}]
"""
TIDE = """def tide(hour: int) -> float:
    return 1.5 + 0.1 * hour  # metres above the quay


HIGH_WATER = (5, 17)
"""
MOON = """class Moon:
    phases = ['new', 'waxing', 'full', 'waning']

    def of(self, day):
        return self.phases[day // 7 % 4]
"""
VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    (root / "pages").mkdir()
    lines = [json.dumps({"text": text}) for text in TEXTS]
    lines += ["{broken", json.dumps({"other": 1}), json.dumps({"text": ""})]
    (root / "pages" / "a.jsonl").write_text("\n".join(lines) + "\n")
    (root / "tools" / "quay").mkdir(parents=True)
    (root / "tools" / "quay" / "tide.py").write_text(TIDE)
    (root / "tools" / "quay" / "moon.py").write_text(MOON)
    for name, text in (("plan", PLAN), ("general", GENERAL), ("long", LONG)):
        (root / f"{name}.yaml").write_text(text)
    return root / "plan.yaml"


@pytest.fixture(scope="session")
def lake(plan: Path) -> str:
    path = str(plan.parent / "lake")
    run(load_plan(str(plan)), path, num_cpus=1)
    return path


@pytest.fixture(scope="session")
def report(lake: str) -> Report:
    return gather(lake)


@pytest.fixture(scope="session")
def page(report: Report) -> str:
    return render(report)


def test_sources_and_their_losses(report: Report) -> None:
    pages, tools = report.sources
    assert (pages.files, pages.records, pages.documents) == (1, 7, 4)
    assert (pages.kind, pages.reader) == ("web", "jsonl")
    assert pages.failed == {"json": 1, "missing_field": 1}
    assert pages.skipped == {"empty": 1}
    assert pages.tokens == sum(len(Tokenizer().encode(text)) for text in TEXTS)
    assert (tools.records, tools.documents, tools.kind) == (2, 2, "code")
    assert {(one.reason, one.locator) for one in report.dead_letters} == {
        ("json", "a.jsonl#4"),
        ("missing_field", "a.jsonl#5"),
    }


def test_languages_lengths_and_duplicates(report: Report) -> None:
    assert report.languages is not None
    assert report.duplicates is not None
    assert {one.label: one.documents for one in report.languages} == {"eng_Latn": 3, "arb_Arab": 1}
    assert report.code.documents == 2
    assert sum(one.documents for one in report.lengths) == 6
    for one in report.lengths:
        assert one.least * one.documents <= one.tokens < one.below * max(one.documents, 1)
    found = report.duplicates
    assert (found.clusters, found.members, found.equal) == (1, 2, 1)
    assert found.redundant.documents == 1
    assert found.redundant.tokens == len(Tokenizer().encode(ENGLISH))
    assert [(one.least, one.most, one.clusters) for one in found.sizes] == [(2, 2, 1)]


def test_what_a_stage_takes_and_why_not(report: Report) -> None:
    general = report.stages[0]
    rules = {one.name: (one.rule, one.documents) for one in general.reasons if one.rule}
    assert rules == {"one_of_cluster": ("cluster_rank = 0", 1), "enough": ("n_tokens >= 20", 1)}
    assert sum(one.documents for one in general.reasons) == general.documents == 6
    assert general.count("selected") == general.drawn.documents + general.held_back.documents
    assert general.train is not None
    assert general.drawn.tokens == general.train.tokens
    assert general.drawn.tokens == sum(one.tokens for one in general.kinds.values())
    assert general.drawn.copies == sum(copies * n for copies, n in general.copies.items())
    assert general.utilisation == general.train.tokens / (general.train.sequences * 256)


def test_a_budget_that_cannot_be_met_is_told_in_words(report: Report, page: str) -> None:
    band = report.stages[1].bands[1]
    assert (band.name, band.budget, band.planned, band.shortage) == ("4096+", 750, 0, 750)
    told = page.replace("\u00a0", " ")
    assert "Stage long is short of 750 of 750 tokens (100 %)" in told
    assert "documents of 4,096 and more tokens give only 0, each at most 4 times" in told


def test_a_draw_far_from_its_plan_is_told(report: Report, page: str) -> None:
    for stage in report.stages:
        far = abs(stage.drawn.tokens / stage.planned - 1) > 0.05
        assert (f"Stage {stage.name}: the draw gave" in page) is far


def test_samples_show_each_kind_and_never_as_markup(report: Report, page: str) -> None:
    shown = report.samples["general"]
    assert {one.kind for one in shown} == {"web", "code"}
    assert all(one.copies >= 1 and one.expected > 0 for one in shown)
    texts = {one.text for one in shown}
    assert texts & {ENGLISH, ARABIC}
    assert "<script" not in page
    if ENGLISH in texts:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count('<pre dir="auto"') == sum(map(len, report.samples.values()))


def test_without_a_student_nothing_is_told_of_one(report: Report, page: str) -> None:
    assert report.scales == ()
    assert "student" not in page


def test_the_page_is_the_same_each_time(lake: str, page: str) -> None:
    assert render(gather(lake)) == page


def test_write_report_puts_the_page_where_it_is_told(lake: str, page: str, tmp_path: Path) -> None:
    assert Path(write_report(lake)).read_text() == page
    assert write_report(lake) == f"{lake}/reports/report.html"
    assert Path(write_report(lake, str(tmp_path / "deep" / "r.html"))).read_text() == page


def test_no_lake_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(TokenmillError, match="there is no lake at"):
        gather(str(tmp_path))


@pytest.mark.parametrize("until", ["read", "annotate", "select"])
def test_a_lake_half_made_has_a_page(report: Report, lake: str, tmp_path: Path, until: str) -> None:
    shutil.copytree(lake, tmp_path / "lake")
    steps = list(dict.fromkeys(output.step for output in report.outputs))
    later = steps[steps.index(until) + 1 :]
    for output in report.outputs:
        if output.step in later:
            (tmp_path / "lake" / output.path / "_manifest" / "complete.json").unlink()
    found = gather(str(tmp_path / "lake"))
    text = render(found)
    assert f"(steps {', '.join(later)})" in text
    assert sum(source.documents for source in found.sources) == 6
    assert (found.languages is None) == (until == "read")
    assert bool(found.stages) == (until == "select")
    _check_structure(text)


def test_everything_is_inside_the_page(page: str) -> None:
    tags = _check_structure(page)
    outside = {"link", "img", "script", "iframe", "object", "embed", "base"}
    assert {tag for tag, _ in tags}.isdisjoint(outside)
    for _, attributes in tags:
        for name in ("src", "href", "srcset", "poster", "action"):
            assert attributes.get(name, "#").startswith("#")
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_bar_stands_beside_its_number(page: str) -> None:
    rows = re.findall(r"<(tr|li)\b[^>]*>(.*?)</\1>", page, re.DOTALL)
    with_bars = [row for _, row in rows if 'class="bar' in row]
    assert with_bars
    assert all("<data " in row for row in with_bars)
    assert page.count('class="bar') == len(re.findall(r'class="bar[^>]*aria-hidden="true"', page))


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_and_the_dark(small_lake: str, tmp_path: Path, dark: bool) -> None:
    """At 320 px nothing is wider than the screen, and text has contrast, in both schemes."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("there is no chromium here")
    page = render(gather(small_lake))
    _check_structure(page)
    seen = _in_browser(chromium, page, tmp_path, dark=dark)
    assert seen["dark"] is dark
    assert seen["width"] == 320
    assert seen["wide"] == []
    colours = ("paper", "ink", "soft", "accent")
    paper, ink, soft, accent = (_luminance(seen[name]) for name in colours)
    assert (paper < ink) is dark
    for colour in (ink, soft, accent):
        assert (max(colour, paper) + 0.05) / (min(colour, paper) + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (999_499, "999 k"),
        (999_999, "1.00 M"),
        (1_234_567, "1.23 M"),
        (36e12, "36.0 T"),
    ],
)
def test_numbers_for_people(number: float, text: str) -> None:
    assert short(number).replace("\u00a0", " ") == text


def test_shares_never_hide_what_is_there() -> None:
    told = [percent(share).replace("\u00a0", " ") for share in (0, 1e-6, 0.1234, 0.99999, 1, 1.05)]
    assert told == ["0 %", "< 0.1 %", "12.3 %", "> 99.9 %", "100 %", "105.0 %"]
    ratios = [ratio(*pair) for pair in ((0.3, 0.1), (0.1, 0), (0, 0.1), (0, 0))]
    assert ratios == ["×3.00", "new", "gone", ""]


def test_names_of_bands_and_levels() -> None:
    assert (band_name("16384+"), band_name("4096-16384")) == ("16,384 and more", "4,096 to 16,384")
    levels = [level_name(level).replace("\u00a0", " ") for level in (0.0, 0.2, 0.8)]
    assert levels == ["below 20 %", "20 % to 50 %", "80 % and more"]


def test_samples_take_kinds_in_turn_and_new_languages_first() -> None:
    web = [[_candidate("web", "a", 5), _candidate("web", "a", 1)], [_candidate("web", "b", 9)]]
    code = [[_candidate("code", "-", 7)]]
    chosen = [(one.kind, one.language, one.key) for one in choose(web + code, count=4)]
    assert chosen == [("code", "-", 7), ("web", "a", 5), ("web", "b", 9), ("web", "a", 1)]


def _candidate(kind: str, language: str, key: int) -> Candidate:
    return Candidate(
        key=key,
        stage="s",
        kind=kind,
        language=language,
        source="x",
        part="p",
        row=0,
        tokens=1,
        copies=1,
        expected=1.0,
        cell="",
    )


class _Structure(HTMLParser):
    """Checks that tags are closed in order, and keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _check_structure(page: str) -> list[tuple[str, dict[str, str]]]:
    parser = _Structure()
    parser.feed(page)
    assert parser.open == []
    names = [attributes["id"] for _, attributes in parser.tags if "id" in attributes]
    assert len(names) == len(set(names))
    links = {attributes["href"][1:] for tag, attributes in parser.tags if tag == "a"}
    assert links <= set(names)
    assert page.lstrip().startswith("<!doctype html>")
    return parser.tags


PROBE = """
<script>
addEventListener("load", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const style = getComputedStyle(document.documentElement);
  const all = [...document.querySelectorAll("body *")];
  const wide = all.filter(e => e.getBoundingClientRect().right > innerWidth + 1);
  const colour = name => [name, style.getPropertyValue("--" + name).trim()];
  parent.postMessage({
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    width: Math.max(document.documentElement.scrollWidth, innerWidth),
    wide: wide.map(e => e.tagName + ": " + e.textContent.slice(0, 60)),
    ...Object.fromEntries(["paper", "ink", "soft", "accent"].map(colour))
  }, "*");
});
</script>
"""
FRAME = """<!doctype html>
<body>
<iframe src="page.html" width="320" height="900" style="border:0"></iframe>
<script>
addEventListener("message", e => { document.title = JSON.stringify(e.data) });
</script>
</body>
"""


def _in_browser(chromium: str, page: str, folder: Path, *, dark: bool) -> dict[str, object]:
    """What a copy of the page with a probe says of itself in a frame of 320 px."""
    (folder / "page.html").write_text(page.replace("</body>", PROBE + "</body>"))
    (folder / "frame.html").write_text(FRAME)
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    flags += " --disable-background-networking --disable-component-update"
    flags += f" --virtual-time-budget=5000 --blink-settings=preferredColorScheme={0 if dark else 1}"
    command = [chromium, *flags.split(), f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    command.append((folder / "frame.html").as_uri())
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>(.*?)</title>", result.stdout, re.DOTALL)
    assert found, result.stderr
    seen: dict[str, object] = json.loads(html.unescape(found.group(1)))
    return seen


def _luminance(colour: object) -> float:
    """WCAG 2 relative luminance of `#rgb` or `#rrggbb`."""
    digits = str(colour).lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    channels = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
