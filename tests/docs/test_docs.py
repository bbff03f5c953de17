"""The documents: every link leads somewhere, every snippet runs, and the examples of CONTRIBUTING really work."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

import annotators
from annotators import ANNOTATORS, Annotator
from corpus.document import DOCUMENTS, document_id
from corpus.languages import LANGUAGES
from corpus.limits import Limits
from corpus.readers import READERS, Failed, InputFile, Reader, Record, Skipped
from corpus.strict_yaml import load
from mixers.mixture import Mixture
from mixers.selection import compile_expression, compiled, judge
from synth import prompt, recipes
from synth.judging import judge as judge_answer
from synth.recipe import Seed
from synth.recipes import knowledge
from tests.corpus.readers.test_contract import DAMAGED
from workflows import measures
from workflows.plan import LimitsModel, PlanModel, load_plan
from workflows.steps.select import rule_columns

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs").glob("*.md"),
]
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$|<a id=\"([^\"]+)\"", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, _, body in FENCE.findall(page.read_text("utf-8")) if kind == language]


def titled(title: str) -> str:
    """The block of CONTRIBUTING with this title."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    found = [body for _, name, body in FENCE.findall(text) if name == title]
    assert len(found) == 1, title
    return found[0]


SNIPPETS = blocks(ROOT / "docs" / "inspect.md", "python")


def evaluate(code: str, names: dict[str, Any]) -> Any:
    """Run code; the value of its last line where that is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "snippet", "exec"), names)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "snippet", "eval"), names)


@pytest.mark.parametrize("number", range(1, len(SNIPPETS)))
def test_snippets_of_inspect_run(number: int, small_lake: str) -> None:
    names: dict[str, Any] = {}
    value = None
    for code in (SNIPPETS[0], SNIPPETS[number]):
        value = evaluate(re.sub(r'"lake(?=["/])', f'"{small_lake}', code), names)
    assert "lake" in names
    if value is not None:
        assert isinstance(value, pl.DataFrame)
        assert value.height > 0


def test_the_script_of_ablations_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    (script,) = blocks(ROOT / "docs" / "ablations.md", "python")
    names: dict[str, Any] = {}
    evaluate(script, names)
    assert capsys.readouterr().out.startswith(("take the recommended", "keep your present"))
    assert names["found"].recommended.cells[0].criteria == {"cleanness": 1.0}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(without_code(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


def without_code(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in a link."""
    found = set()
    for heading, given in HEADING.findall(without_code(page)):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        found.add(given or plain)
    return found


def test_every_key_of_a_plan_and_of_a_mixture_is_documented() -> None:
    text = (ROOT / "docs" / "plan.md").read_text("utf-8")
    keys = set()
    pending: list[Any] = [PlanModel, Mixture]
    while pending:
        model = pending.pop()
        for name, field in model.model_fields.items():
            keys.add(name)
            pending += [m for m in models_in(field.annotation) if m is not model]
    assert {"max_source_loss", "at_least", "cpu_seconds", "temperature"} <= keys
    missing = sorted(key for key in keys if f"`{key}`" not in text)
    assert not missing


def models_in(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", ())
    inner = [model for argument in arguments for model in models_in(argument)]
    return [annotation, *inner] if hasattr(annotation, "model_fields") else inner


def test_every_reader_option_and_annotator_is_documented() -> None:
    text = (ROOT / "docs" / "plan.md").read_text("utf-8")
    options = {name for reader in READERS.values() for name in vars(reader.options())}
    for name in (*READERS, *ANNOTATORS, *options):
        assert f"`{name}`" in text, name


def test_defaults_of_limits_are_those_of_the_readers() -> None:
    assert LimitsModel().limits() == Limits()


def test_every_table_is_documented(small_lake: str) -> None:
    from corpus import open_lake

    text = (ROOT / "docs" / "lake.md").read_text("utf-8")
    lake = open_lake(small_lake)
    for table in {name.split("/")[0] for name in lake.catalog["table"]}:
        assert f"`{table}/" in text, table
    for frame in (
        *(lake.annotations(name) for name in lake.annotators),
        lake.documents(annotations=[]),
        lake.selections("general"),
        lake.sequences("general"),
        lake.dead_letters(),
        lake.pages(),
        lake.tokens(),
    ):
        for column in frame.collect_schema().names():
            shown = re.sub(r"_(\d+)_gram$", "_N_gram", column)
            assert f"`{column}`" in text or f"`{shown}`" in text, column


# --- the examples of CONTRIBUTING ---


def module(name: str, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import source text as the module it would be."""
    path = folder / f"{name.rpartition('.')[2]}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, loaded)
    spec.loader.exec_module(loaded)
    return loaded


def entry(title: str, names: dict[str, Any]) -> Any:
    """The value of a one-entry piece of a dict: `"name": Thing(...),`."""
    found = eval("{" + titled(title) + "}", names)
    return next(iter(found.items()))


@pytest.mark.parametrize("title", ["corpus/readers/subtitles.py", "annotators/exclamations.py"])
def test_the_examples_are_in_house_style(title: str) -> None:
    base = [sys.executable, "-m", "ruff"]
    for command in (["check", "-"], ["format", "--check", "-"]):
        result = subprocess.run(
            [*base, *command, "--stdin-filename", title],
            input=titled(title),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr


SUBTITLES = """\
1
00:00:01,000 --> 00:00:03,500
<i>The harbour, at dawn.</i>

2
00:00:04,000 --> 00:00:06,000
Who moved the boats?
Nobody did.
"""


@pytest.fixture
def subtitles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    code = titled("corpus/readers/subtitles.py")
    loaded = module("corpus.readers.subtitles", code, tmp_path, monkeypatch)
    name, reader = entry("corpus/readers/__init__.py", {"Reader": Reader, "subtitles": loaded})
    monkeypatch.setitem(READERS, name, reader)
    return READERS["subtitles"]


def read(reader: Reader, path: Path, data: bytes) -> list[Record | Failed | Skipped]:
    path.write_bytes(data)
    file = InputFile(path=path.name, uri=str(path), size=len(data))
    return list(reader.read([file], reader.options(), Limits(max_bytes=1 << 20)))


def test_the_example_of_a_reader(subtitles: Reader, tmp_path: Path) -> None:
    [record] = read(subtitles, tmp_path / "a.srt", SUBTITLES.encode())
    assert isinstance(record, Record)
    assert record.text == "The harbour, at dawn.\n\nWho moved the boats?\nNobody did."
    assert (record.path, record.index) == ("a.srt", 0)
    assert record.metadata == {"n_cues": 2}
    [failed] = read(subtitles, tmp_path / "b.srt", b"no subtitles at all")
    assert isinstance(failed, Failed)
    assert failed.reason == "no_cues"


def test_the_example_of_a_reader_keeps_the_contract(subtitles: Reader, tmp_path: Path) -> None:
    for number, (damage, apply) in enumerate(DAMAGED.items()):
        results = read(subtitles, tmp_path / f"{number}.srt", apply(SUBTITLES.encode()))
        assert len(results) == 1, damage
        assert not isinstance(results[0], Record) or results[0].text.strip()
    missing = InputFile(path="x.srt", uri=str(tmp_path / "x.srt"), size=1)
    with pytest.raises(FileNotFoundError):
        list(subtitles.read([missing], subtitles.options(), Limits()))


def test_the_example_of_a_reader_stands_in_a_plan(subtitles: Reader, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.srt").write_text(SUBTITLES)
    (tmp_path / "m.yaml").write_text("name: m\n")
    plan = titled("plan.yaml") + "stages: {general: {seq_len: 64, budget: 1.0, mixture: m.yaml}}\n"
    (tmp_path / "plan.yaml").write_text("name: films\n" + plan)
    assert load_plan(str(tmp_path / "plan.yaml")).model.sources[0].reader == "subtitles"


def documents(*texts: str) -> pa.Table:
    rows = [
        {
            "id": document_id("t", "f", number),
            "text": text,
            "source": "t",
            "locator": f"f#{number}",
            "parent_ids": [],
            "provenance": "t/1",
            "metadata": "{}",
        }
        for number, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


@pytest.fixture
def exclamations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Annotator:
    code = titled("annotators/exclamations.py")
    loaded = module("annotators.exclamations", code, tmp_path, monkeypatch)
    name, annotator = entry(
        "annotators/__init__.py",
        {"Annotator": Annotator, "exclamations": loaded, "segmenter": annotators.segmenter},
    )
    monkeypatch.setitem(ANNOTATORS, name, annotator)
    return ANNOTATORS["exclamations"]


def test_the_example_of_an_annotator(exclamations: Annotator) -> None:
    config = exclamations.config()
    step = exclamations.step(config)
    table = documents("Stop! Thief!!", "¡Hola, amigos!", "Quiet now.", "!!!", "")
    sidecar = step(table)
    assert sidecar.schema.equals(exclamations.schema(config))
    assert sidecar.column("id").to_pylist() == table.column("id").to_pylist()
    assert sidecar.column("n_exclamations").to_pylist() == [3, 2, 0, 3, 0]
    assert sidecar.column("exclamation_ratio").to_pylist() == [1.5, 1.0, 0.0, None, None]
    assert step(table.slice(0, 0)).num_rows == 0
    parts = pa.concat_tables([step(table.slice(0, 2)), step(table.slice(2))])
    assert parts.equals(sidecar)
    with pytest.raises(ValueError, match="marks"):
        exclamations.config(marks="")


def test_the_example_of_an_annotator_stands_in_a_plan(exclamations: Annotator) -> None:
    fields = measures.fields("exclamations", {"marks": "!"})
    assert [field.name for field in fields] == [
        "n_exclamations",
        "exclamation_ratio",
    ]
    mixture = load("name: m\nrules:\n  " + titled("a rule on it"), "m.yaml", Mixture)
    assert compiled(mixture, rule_columns({"exclamations": fields}), "m.yaml")


def test_the_example_of_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    names = dict(vars(knowledge))
    exec(titled("synth/recipes/knowledge.py"), names)
    glossary = names["GLOSSARY"]
    written = prompt._content
    own = titled("synth/prompts/glossary.md")
    monkeypatch.setattr(prompt, "_content", lambda n: own if n == "glossary" else written(n))
    monkeypatch.setitem(recipes.RECIPES, "glossary", glossary)
    text = "A weir is a low dam that raises the water of a river. A sluice is a gate in it. " * 9
    seed = Seed(text=text, language="eng_Latn", name="English")
    system, user = prompt.render(glossary, seed)
    assert system["content"].startswith("You write glossaries")
    assert user["content"].endswith(text.strip())
    answer = "Q: weir\nA: A low dam that raises the water of a river.\nQ: sluice\nA: A gate in it."
    assert judge_answer(glossary, seed, answer, "stop").text is not None
    wrong = answer.replace("low dam", "dam of 12 metres")
    assert judge_answer(glossary, seed, wrong, "stop").reason == "numbers"
    measured = {key: measures.fields(key, {}) for key in ("language", "statistics")}
    columns = rule_columns(measured)
    compile_expression(glossary.seeds, columns, "glossary")


def test_the_example_of_a_language(tmp_path: Path) -> None:
    """On a copy of the packages, changed as CONTRIBUTING says."""
    assert "bre_Latn" not in LANGUAGES
    for package in ("corpus", "annotators"):
        shutil.copytree(ROOT / package, tmp_path / package)
    data = tmp_path / "corpus" / "data"
    with (data / "languages.csv").open("a", encoding="utf-8") as file:
        file.write(titled("corpus/data/languages.csv"))
    words = json.loads((data / "fineweb2_stopwords.json").read_text("utf-8"))
    words |= json.loads(
        "{" + titled("corpus/data/fineweb2_stopwords.json").rstrip().rstrip(",") + "}"
    )
    (data / "fineweb2_stopwords.json").write_text(json.dumps(words), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", titled("check.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["120", "bre_Latn", "8"]


def test_the_example_of_a_mixture_rule() -> None:
    mixture = load(titled("mixtures/calm.yaml"), "calm.yaml", Mixture)
    known = rule_columns({"statistics": measures.fields("statistics", {})})
    rules = compiled(mixture, known, "calm.yaml")
    frame = pl.DataFrame(
        {
            "kind": ["web", "web", "code", "web"],
            "upper_ratio": [0.1, 0.9, 0.9, None],
            "cluster_rank": [0, 0, 0, 0],
            "language": ["eng_Latn"] * 4,
            "source": ["s"] * 4,
            "split": ["train"] * 4,
            "n_tokens": [100] * 4,
        }
    )
    judged = judge(frame, rules, mixture)
    expected = pl.DataFrame({"reason": [None, "no_shouting", None, "no_shouting"]})
    assert_frame_equal(judged.select("reason"), expected)
