"""The command as a user meets it: help, exit codes, messages on stderr, and JSON for programs."""

import glob
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.servers import Server
from workflows.cli import main


def tokenmill(*arguments: str):
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="tokenmill")


COMMANDS = ["init", "run", "status", "audit", "trace", "inspect", "report", "languages"]
COMMANDS += ["recipes", "try", "label", "evaluate", "train-student"]
COMMANDS += ["ablate", "ablate-report", "mixture"]


def test_every_command_has_help_and_is_documented(request):
    readme = (request.config.rootpath / "docs" / "commands.md").read_text()
    assert sorted(main.commands) == sorted(COMMANDS)
    for name in COMMANDS:
        result = tokenmill(name, "--help")
        assert result.exit_code == 0
        assert f"tokenmill {name}" in readme
        for parameter in main.commands[name].params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert option in readme, f"{name} {option} is not in docs/commands.md"


TRY = ["try", "--text", "nowhere.txt", "--base-url", "http://127.0.0.1:1/v1", "--model", "m"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["rnu"], 2, "unknown command 'rnu'; did you mean 'run'"),
        (["run", "nowhere.yaml"], 2, "there is no plan file nowhere.yaml"),
        (["run", "PLAN", "--until", "deduplciate"], 2, "did you mean 'deduplicate'"),
        (["run", "PLAN", "--scale", "-1"], 2, "--scale -1 must be a number greater than 0"),
        (["run", "PLAN", "--num-cpus", "0"], 2, "--num-cpus"),
        (
            ["run", "PLAN", "--lake", "/proc/nowhere/lake"],
            2,
            "the lake /proc/nowhere/lake cannot be written",
        ),
        (["run", "PLAN", "--lake", "LAKE", "--ray-address", "10.255.255.1:1"], 2, "local path"),
        (["status", "--lake", "nowhere"], 1, "there is no lake at"),
        (["audit", "--lake", "nowhere"], 1, "there is no lake at"),
        (["trace", "x.parquet", "--row", "0"], 2, "is not a shard of a lake"),
        (["inspect", "nowhere"], 1, "there is no Parquet file at nowhere"),
        (["languages", "Frenhc"], 2, "French"),
        (["init", "nowhere"], 2, "there is no folder nowhere"),
        ([*TRY, "qb"], 2, "unknown recipe 'qb'; did you mean 'qa'"),
        ([*TRY, "qa", "--language", "eng"], 2, "unknown language 'eng'"),
        ([*TRY, "qa", "--round", "9"], 2, "qa has rounds 0 to 2"),
        ([*TRY, "qa"], 2, "there is no text file nowhere.txt"),
    ],
)
def test_wrong_uses_name_the_thing_and_the_remedy(small_plan, tmp_path, arguments, code, message):
    arguments = [
        str(small_plan) if a == "PLAN" else str(tmp_path / "l") if a == "LAKE" else a
        for a in arguments
    ]
    result = tokenmill(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_status_and_audit_of_a_finished_lake(small_lake):
    found = json.loads(tokenmill("status", "--lake", small_lake, "--json").stdout)
    assert {line["state"] for line in found["lines"]} == {"done"}
    assert found["running"] is None
    assert found["last"]["error"] is None
    assert found["stale"] == []
    assert "everything balances" in tokenmill("audit", "--lake", small_lake).stdout
    assert "long_context" in tokenmill("status", "--lake", small_lake).stdout


def test_audit_finds_a_changed_file_a_missing_one_and_a_wrong_count(small_lake, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(small_lake, lake)
    shards = sorted(lake.glob("shards/*/general/train/*.parquet"))
    data = bytearray(shards[0].read_bytes())
    data[len(data) // 3] ^= 1
    shards[0].write_bytes(bytes(data))
    assert tokenmill("audit", "--lake", lake).exit_code == 0  # the size is the same
    deep = tokenmill("audit", "--lake", lake, "--deep")
    assert deep.exit_code == 5
    assert "SHA-256" in deep.stderr
    assert shards[0].name in deep.stderr
    shards[0].unlink()
    assert shards[0].name in tokenmill("audit", "--lake", lake).stderr
    shutil.copy(Path(small_lake) / shards[0].relative_to(lake), shards[0])
    manifest = next(lake.glob("documents/planted@*/_manifest/segment-00000.jsonl"))
    text = manifest.read_text()
    count = json.loads(text.splitlines()[0])["counts"]["failed"]
    manifest.write_text(text.replace(f'"failed":{count}', f'"failed":{count + 1}', 1))
    wrong = tokenmill("audit", "--lake", lake)
    assert wrong.exit_code == 5
    assert "records = documents + failed + skipped" in wrong.stderr


def test_inspect_shows_rows_and_decodes_sequences(small_lake, tmp_path):
    shard = sorted(glob.glob(f"{small_lake}/shards/*/general/train/*.parquet"))[0]
    rows = [
        json.loads(line)
        for line in tokenmill("inspect", shard, "--head", 2, "--json").stdout.splitlines()
    ]
    assert len(rows) == 2
    assert len(rows[0]["document_ids"][0]) == 32
    decoded = tokenmill("inspect", shard, "--head", 1, "--decode", "--json").stdout
    segments = json.loads(decoded.splitlines()[0])["segments"]
    assert len(segments) == len(rows[0]["document_ids"])
    assert any(text.endswith("<|endoftext|>") for text in segments)
    folder = glob.glob(f"{small_lake}/documents/math@*")[0]
    assert "text" in tokenmill("inspect", folder).stdout
    assert "--decode needs the column input_ids" in tokenmill("inspect", folder, "--decode").stderr


def test_trace_tells_where_a_token_came_from(small_lake):
    shard = sorted(glob.glob(f"{small_lake}/shards/*/general/train/*.parquet"))[0]
    found = json.loads(tokenmill("trace", shard, "--row", 0, "--token", 5, "--json").stdout)
    assert len(found) == 1
    assert found[0]["matches"] is True
    text = tokenmill("trace", shard, "--row", 0).stdout
    assert "equal to the document" in text
    assert "selection" in text


def test_languages_says_what_can_be_done_for_each():
    rows = json.loads(tokenmill("languages", "--json").stdout)
    assert len(rows) == 119
    by_label = {row["label"]: row for row in rows}
    assert by_label["eng_Latn"]["identified"] == "yes"
    assert by_label["lij_Latn"]["identified"] == "yes"
    assert by_label["ary_Arab"]["identified"] == "arabic"
    assert by_label["tha_Thai"]["words"] == "by dictionary"
    assert "French" in tokenmill("languages", "fr").stdout


def test_init_writes_a_plan_that_runs(tmp_path):
    folder = tmp_path / "mine"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "a.txt").write_text("A note about the harbour and its boats. " * 40)
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text("import os\n\n\ndef main():\n    print(os.name)\n")
    (folder / "rows.jsonl").write_text(
        json.dumps({"text": "A row about bread and how it rises overnight. " * 20}) + "\n"
    )
    plan = tmp_path / "plan.yaml"
    result = tokenmill("init", folder, "--out", plan)
    assert result.exit_code == 0, result.output
    again = tokenmill("init", folder, "--out", plan)
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    lake = tmp_path / "lake"
    done = tokenmill("--quiet", "run", plan, "--lake", lake, "--num-cpus", 1, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)["summary"]
    assert (summary["documents"], summary["failed"]) == (3, 0)
    report = tokenmill("report", "--lake", lake, "--out", tmp_path / "r.html")
    assert report.exit_code == 0, report.output
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


def test_a_plan_stopped_early_goes_on_later(small_plan, tmp_path):
    lake = tmp_path / "lake"
    first = tokenmill(
        "--quiet", "run", small_plan, "--lake", lake, "--until", "read", "--num-cpus", 2
    )
    assert first.exit_code == 0, first.output
    lines = json.loads(tokenmill("status", "--lake", lake, "--json").stdout)["lines"]
    assert {line["step"] for line in lines if line["state"] == "done"} == {"read"}


def test_try_shows_prompt_answer_and_verdicts(tmp_path):
    text = tmp_path / "seed.txt"
    text.write_text("Bees dance to tell where flowers are. The dance is a figure of eight. " * 9)
    with Server() as server:
        found = tokenmill(
            *("try", "qa", "--text", text, "--model", "scripted"),
            *("--base-url", server.url, "--language", "eng_Latn"),
        )
    assert found.exit_code == 0
    prompt, _, rest = found.stdout.partition("--- answer of scripted\n")
    assert "in English" in prompt
    assert "Bees dance" in prompt
    assert rest.startswith("Q: Bees dance to tell…?\nA: Bees dance")
    assert "ok      form" in rest
    assert rest.endswith("accepted\n")


def test_recipes_say_what_they_follow_and_what_they_made(small_lake):
    assert "arXiv" in tokenmill("recipes", "--lake", "nowhere").stdout
    rows = json.loads(tokenmill("recipes", "--lake", small_lake, "--json").stdout)
    assert {row["name"] for row in rows} >= {"qa", "textbook"}
    assert all(row["requests"] is None for row in rows)
