"""What the page tells of the models that were asked."""

from __future__ import annotations

import re

import pytest

from tests.servers import Server
from tests.workflows.test_refine import BROKEN, FINE, plan, repair
from workflows.report.gather import gather
from workflows.report.page import render
from workflows.run import run


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    with Server(repair) as server:
        run(plan(folder, server.url), str(folder / "lake"), num_cpus=2)
    return gather(str(folder / "lake"))


def test_spending_and_reasons_are_told_per_task_and_round(report):
    (task,) = report.tasks
    assert (task.name, task.models) == ("scans.refined", ("scripted",))
    assert (task.requests, task.accepted, task.documents) == (8, 2, 1)
    assert task.rejected == {"repeated_lines": 6}
    assert [(r.number, r.requests, r.accepted) for r in task.rounds] == [
        (0, 4, 2),
        (1, 2, 0),
        (2, 2, 0),
    ]
    assert sum(r.tokens for r in task.rounds) == task.tokens
    assert task.rejected_tokens == 6 * 240  # the scripted model repeats six words forty times
    assert task.prompt_tokens == 8
    assert task.pieces == (1, 4)


def test_answers_stand_beside_what_they_were_made_from(report):
    (task,) = report.tasks
    assert len(task.accepted_answers) == 2
    assert len(task.rejected_answers) == 3
    by_text = {answer.text: answer for answer in task.accepted_answers}
    broken = by_text[f"{BROKEN.replace(chr(45) + chr(10), '')}\n\n{FINE}"]
    assert broken.shown == f"{BROKEN}\n\n{FINE}"
    assert (broken.reason, broken.cut) == ("", False)
    bad = task.rejected_answers[0]
    assert bad.shown.startswith("The stub-\nborn")
    assert bad.reason == "repeated_lines"
    assert "and so on" in bad.detail


def test_what_a_model_made_is_not_counted_as_read(report):
    page = re.sub(r"<[^>]+>", " ", render(report))
    assert re.search(r"Records read\s+5\b", page)
    assert re.search(r"1\s+of them made by models", page)
    assert "2 of 4 accepted" in page
    assert "repeated_lines 6" in page
