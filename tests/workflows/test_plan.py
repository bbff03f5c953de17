"""Wrong plans are refused before anything runs, with the line, the value and the nearest valid name."""

import pytest

from corpus.errors import PlanError
from workflows.measures import fields
from workflows.plan import load_plan
from workflows.run import run

GOOD = """\
name: good
sources:
  - name: texts
    reader: jsonl
    path: texts.jsonl
    kind: web
annotate:
  language: {}
deduplicate: {threshold: 0.8}
stages:
  general: {seq_len: 4096, budget: 1.0e6, mixture: general.yaml}
"""
MIXTURE = "name: general\nrules:\n  known: language is not null\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"text": "hello there"}\n')
    (tmp_path / "general.yaml").write_text(MIXTURE)
    (tmp_path / "evil.jsonl").write_text("not json\n")
    (tmp_path / "plan.yaml").write_text(GOOD)
    return tmp_path


def load(folder, old="", new=""):
    assert not old or old in GOOD
    (folder / "plan.yaml").write_text(GOOD.replace(old, new, 1))
    return load_plan(str(folder / "plan.yaml"))


def test_a_good_plan(folder):
    plan = load(folder)
    assert plan.model.sources[0].path == str(folder / "texts.jsonl")
    assert plan.budget("general") == 1e6
    assert load_plan(str(folder / "plan.yaml"), scale=0.5).budget("general") == 5e5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reader:", "raeder:", r"plan\.yaml:4: unknown key 'raeder'; did you mean 'reader'"),
        (
            "deduplicate:",
            "dedupliacte:",
            r"plan\.yaml:9: unknown key 'dedupliacte'; did you mean 'deduplicate'",
        ),
        (
            "reader: jsonl",
            "reader: jsonk",
            r"plan\.yaml:4: sources\.0\.reader: unknown reader 'jsonk'; did you mean 'jsonl'",
        ),
        (
            "0.8",
            "1.8",
            r"plan\.yaml:9: deduplicate\.threshold: .*less than or equal to 1, got 1\.8",
        ),
        (
            "4096",
            "'4096'",
            r"plan\.yaml:11: stages\.general\.seq_len: .*valid integer, got \"4096\"",
        ),
        ("1.0e6", "-5", r"plan\.yaml:11: stages\.general\.budget: .*greater than 0, got -5"),
        ("    kind: web\n", "", r"plan\.yaml:3: sources\.0\.kind: is required"),
        ("texts.jsonl", "nowhere.jsonl", r"source texts: there is nothing at .*nowhere\.jsonl"),
        (
            "general.yaml",
            "nowhere.yaml",
            r"there is no stages?.*mixture file .*nowhere\.yaml|mixture.*nowhere\.yaml",
        ),
        ("texts.jsonl", "${NO_SUCH_FOLDER}/x", r"\$\{NO_SUCH_FOLDER\} is not set"),
        ("name: good", "name: [", r"plan\.yaml:\d+: not valid YAML"),
        ("name: good", "name: 'a/b'", r"plan\.yaml:1: name: .*pattern"),
    ],
)
def test_mistakes_are_named_with_line_value_and_remedy(folder, old, new, message):
    with pytest.raises(PlanError, match=message) as error:
        load(folder, old, new)
    assert error.value.exit_code == 2


def test_several_mistakes_are_told_together(folder):
    (folder / "plan.yaml").write_text(GOOD.replace("reader:", "raeder:").replace("0.8", "1.8"))
    with pytest.raises(PlanError) as error:
        load_plan(str(folder / "plan.yaml"))
    assert "raeder" in str(error.value)
    assert "threshold" in str(error.value)


def test_wrong_options_of_a_reader(folder):
    with pytest.raises(
        PlanError, match=r"source texts: options: unknown setting 'txt'; did you mean 'text'"
    ):
        load(folder, "    kind: web\n", "    kind: web\n    options: {txt: body}\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("language: {}", "langauge: {}", "unknown annotator 'langauge'; did you mean 'language'"),
        ("language: {}", "language: {windows: 0}", r"annotate\.language: .*windows"),
        ("language: {}", "statistics: {}", r"rule known: unknown column 'language'"),
        ("language: {}", "language: {}\n  minhash: {}", r"minhash.*deduplicate"),
        (
            "language: {}",
            "language: {}\n  language.a: {}\n  datatrove.x: {filter: NoSuchFilter}",
            r"NoSuchFilter",
        ),
    ],
)
def test_annotators_and_rules_are_checked_before_anything_runs(folder, old, new, message):
    plan = load(folder, old, new)
    with pytest.raises(PlanError, match=message):
        run(plan, str(folder / "lake"))
    assert not (folder / "lake").exists()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("{language: Frenhc, weight: 2}", r"general\.yaml:5: weights\.0\.language: .*French"),
        (
            "{kind: web, weight: -1}",
            r"general\.yaml:5: weights\.0\.weight: .*greater than or equal to 0",
        ),
        ("{kind: cdoe, weight: 2}", r"unknown kind 'cdoe'; did you mean 'code'"),
        ("{source: txets, weight: 2}", r"unknown source 'txets'; did you mean 'texts'"),
    ],
)
def test_weights_name_things_that_exist(folder, weight, message):
    (folder / "general.yaml").write_text(f"{MIXTURE}weights: [\n  {weight}]\n")
    with pytest.raises(PlanError, match=message):
        run(load(folder), str(folder / "lake"))


def test_a_labelled_annotator_stands_twice():
    values = {"filter": "GopherQualityFilter", "options": {}}
    names = [field.name for field in fields("datatrove.gopher", values)]
    assert names == ["gopher_keep", "gopher_reason"]


def test_an_evaluation_that_cannot_be_read_stops_the_run(folder):
    extra = "evaluations:\n  - {name: evil, path: evil.jsonl, fields: [question]}\nannotate:"
    plan = load(folder, "annotate:", extra)
    with pytest.raises(PlanError, match=r"evaluation evil: .*item 0 cannot be read \(json\)"):
        run(plan, str(folder / "lake"), num_cpus=1)


def test_an_ocr_engine_that_is_not_installed_stops_the_run(folder, monkeypatch):
    monkeypatch.setattr("corpus.pdf.tesseract.shutil.which", lambda command: None)
    (folder / "a.pdf").write_bytes(b"%PDF-1.7")
    source = "- {name: scans, reader: pdf, path: ., kind: pdf, options: {ocr: tesseract}}\n"
    plan = load(folder, "sources:\n", f"sources:\n  {source}")
    with pytest.raises(PlanError, match="scans: ocr: the command tesseract is not installed"):
        run(plan, str(folder / "lake"), num_cpus=1)


@pytest.mark.parametrize(
    ("path", "message"), [("nowhere.yaml", "there is no plan file"), (".", "is a folder")]
)
def test_a_plan_that_is_not_there(folder, path, message):
    with pytest.raises(PlanError, match=message):
        load_plan(str(folder / path))
