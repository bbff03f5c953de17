"""Vectors that learn from labels: what they say then, and what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from annotators import student, taxonomy, training
from annotators.student import Config, load, save, step
from annotators.taxonomy import Dimension
from annotators.training import train
from annotators.tuning import BUCKETS, LENGTH, Labels, read, tuned
from annotators.vectors import quantised
from tests.annotators.students import POLITENESS, rows, vectors

DIM = 24
SIDE = Dimension(
    name="side",
    kind="nominal",
    question="?",
    values={"left": "L.", "right": "R."},
    abstain="no",
    source="s",
)


def alike():
    """Vectors to which all words are the same, and n-grams nothing."""
    words = [b"left", b"right", b"and"]
    return quantised(words, np.ones((3, 4)), np.zeros((64, 4)), (2, 3))


def sides(count: int, dimension: Dimension = SIDE) -> tuple[list[str], Labels]:
    texts = [f"{('left', 'right')[n % 2]} and word{n % 7}" for n in range(count)]
    targets = np.arange(count) % 2
    if dimension.kind == "multi":
        targets = np.eye(2, dtype=np.int64)[targets]
    return texts, Labels(dimension, np.ones(count, bool), targets, np.ones(count))


@pytest.fixture(scope="module")
def politeness(tmp_path_factory):
    path = tmp_path_factory.mktemp("taxonomy") / "own.yaml"
    path.write_text(POLITENESS)
    return taxonomy.load(str(path))["politeness"]


@pytest.mark.parametrize(("kind", "columns"), [("nominal", 2), ("ordinal", 1), ("multi", 2)])
def test_what_the_vectors_hold_alike_is_told_apart(kind: str, columns: int) -> None:
    texts, labels = sides(80, SIDE.model_copy(update={"kind": kind, "first": 0}))
    before = student.untaught(alike()).features(texts)[:, :4]
    assert before == pytest.approx(np.full((80, 4), 0.5), abs=1e-6)
    found = student.untaught(tuned(read(alike(), texts), [labels])).features(texts)
    told = found[:, 4 : 4 + columns]
    right, left = told[1::2, -1], told[::2, -1]
    assert right.min() > left.max()


def test_what_the_vectors_had_stays() -> None:
    """The same bytes, in more buckets; and texts read the same, but for the length of the little that is added."""
    texts, labels = sides(80)
    base = vectors(DIM).reader
    found = tuned(read(base, texts), [labels])
    assert (found.rows[:, :DIM] == base.rows).all()
    assert (found.grams[:, :DIM] == np.tile(base.grams, (BUCKETS, 1))).all()
    assert found.scales[:DIM] == pytest.approx(base.scales)
    assert (np.abs(found.rows).max(), np.abs(found.grams[:, DIM:]).max()) == (127, 127)
    one, other = (student.untaught(reader).features(texts) for reader in (base, found))
    assert other[:, :DIM] == pytest.approx(one[:, :DIM], abs=1e-3)
    added = np.linalg.norm(other[:, DIM : DIM + 2], axis=1)
    assert added.mean() == pytest.approx(LENGTH, rel=0.05)


def test_texts_without_a_label_teach_nothing() -> None:
    texts, labels = sides(80)
    half = np.arange(80) < 40
    blind = labels._replace(has=half, targets=np.where(half, labels.targets, 1))
    some = tuned(read(vectors().reader, texts), [blind])
    alone = tuned(read(vectors().reader, texts[:40]), [labels.where(half)])
    # the counts decide alike; only the common length of the columns is over all texts
    a, b = some.grams[:, DIM:] * some.scales[DIM:], alone.grams[:, DIM:] * alone.scales[DIM:]
    ratio = np.linalg.norm(a) / np.linalg.norm(b)
    assert a == pytest.approx(b * ratio, abs=2 * float(some.scales[DIM:].max()))


def test_a_tuned_student_is_a_file_like_any_other(politeness, documents, tmp_path) -> None:
    labelled = rows(400)
    names = [row["lang"] for row in labelled]
    files = []
    for number in range(2):
        found, measured = train(vectors(), labelled, names, [politeness], tune=True)
        files.append(tmp_path / f"{number}.npz")
        save(found, files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert measured["politeness"].student.value > 0.9
    assert load(files[0]).reader.size == DIM + 1
    texts = ["thank you kindly, welcome to the garden", "you stupid fool, table nonsense"]
    table = step(Config(model=str(files[0])))(documents(texts))
    assert table.column("politeness").to_pylist() == [3, 1]


def test_the_quarter_kept_apart_is_not_learnt_from(politeness, monkeypatch) -> None:
    """Every text has a word of its own and a label by lot: who had seen it would know it."""
    rng = np.random.default_rng(3)
    noise = [
        {"text": f"table zq{n:04d}xw window", "politeness": int(rng.integers(1, 4))}
        for n in range(300)
    ]
    _, measured = train(vectors(), noise, [None] * 300, [politeness], tune=True)
    one = measured["politeness"]
    assert not one.on
    assert abs(one.student.value) < 0.35
    hits = [family.value for family in one.families.values()]
    assert max(hits) < 0.9  # right or beside it by chance: 7 of 9


def test_a_group_lies_in_one_fold_and_on_one_side(politeness, monkeypatch) -> None:
    labelled = [row | {"group": f"g{n // 4}"} for n, row in enumerate(rows(400))]
    groups = training._groups(labelled)
    assert groups.tolist() == [n // 4 for n in range(400)]
    assert training._groups(rows(10)).tolist() == list(range(10))
    mixed = [{"text": "a", "group": 1}, {"text": "b"}, {"text": "c", "group": 0}, {"text": "b"}]
    mixed += [{"text": "d", "group": "1"}, {"text": "e", "group": 0}, {"text": "f", "group": ""}]
    assert training._groups(mixed).tolist() == [0, 1, 2, 1, 0, 2, 3]
    sides = [training.kept_apart(row) for row in labelled]
    assert all(len(set(sides[n : n + 4])) == 1 for n in range(0, 400, 4))
    assert 0 < sum(sides) < 400
    _, measured = train(vectors(), labelled, [None] * 400, [politeness])
    assert measured["politeness"].student.texts == sum(sides)


def test_an_encoder_is_not_tuned(politeness) -> None:
    class Other:
        size = 4

    with pytest.raises(ValueError, match="an encoder is not tuned"):
        train(student.untaught(Other()), rows(400), [None] * 400, [politeness], tune=True)
