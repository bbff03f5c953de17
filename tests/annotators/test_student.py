"""A student through its file, its answers, and where it abstains."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from annotators import student, taxonomy, training
from annotators.heads import Head
from annotators.student import Config, answers, load, save, step
from annotators.taxonomy import Dimension
from annotators.training import kept_apart, train, unrelated
from annotators.vectors import quantised
from tests.annotators.students import POLITENESS, rows, vectors

TWO = Dimension(
    name="two",
    kind="nominal",
    question="?",
    values={"a": "A.", "b": "B."},
    abstain="no",
    source="s",
)


@pytest.fixture(scope="module")
def politeness(tmp_path_factory):
    path = tmp_path_factory.mktemp("taxonomy") / "own.yaml"
    path.write_text(POLITENESS)
    return taxonomy.load(str(path))["politeness"]


@pytest.fixture(scope="module")
def trained(politeness):
    labelled = rows(400)
    return train(vectors(), labelled, [row["lang"] for row in labelled], [politeness])


def test_a_head_learns_what_words_say_and_shape_does_not(trained) -> None:
    _, measured = trained
    found = measured["politeness"]
    assert found.on
    assert found.student.value > 0.9
    assert found.majority.value == pytest.approx(0)
    assert abs(found.shape.value or 0) < 0.4
    assert found.over_shape.low > 0
    assert found.ece < 0.15
    apart = sum(kept_apart(row) for row in rows(400))
    assert found.student.texts == apart
    assert found.fitted_on == 400 - apart


def test_a_head_that_knows_nothing_is_off(politeness) -> None:
    labelled = rows(300)
    rng = np.random.default_rng(2)
    noise = [row | {"politeness": int(rng.integers(1, 4))} for row in labelled]
    found, measured = train(vectors(), noise, [None] * 300, [politeness])
    assert not measured["politeness"].on
    assert "not better than" in measured["politeness"].why_off
    assert found.heads == {}


def test_a_family_that_is_read_badly_is_abstained_on(politeness) -> None:
    """Turkish labels are the wrong end of the scale: the interval of that family lies below the floor."""
    labelled = [
        row | {"politeness": 4 - row["politeness"]} if row["lang"] == "tur_Latn" else row
        for row in rows(600)
    ]
    found, measured = train(vectors(), labelled, [row["lang"] for row in labelled], [politeness])
    one = measured["politeness"]
    assert set(one.families) == {"Indo-European", "Turkic"}
    assert list(one.abstains) == ["tur_Latn", "Turkic"]
    assert found.floors["politeness"]["Turkic"].startswith("Turkic: right in")
    assert set(one.constant) == set(one.families)
    assert one.constant["Turkic"] == pytest.approx(
        1 / 3, abs=0.05
    )  # levels are one as often as another


def test_a_language_that_is_read_badly_in_a_family_that_is_not_is_abstained_on(
    politeness, documents, tmp_path
) -> None:
    labelled = [
        row | {"politeness": 4 - row["politeness"], "lang": "ita_Latn"} if n % 12 == 0 else row
        for n, row in enumerate(rows(900))
    ]
    found, measured = train(vectors(), labelled, [row["lang"] for row in labelled], [politeness])
    assert list(measured["politeness"].abstains) == ["ita_Latn"]
    save(found, tmp_path / "s.npz")
    italian = "Oggi piove molto e i bambini restano a casa con i nonni"
    english = "It rains a lot today and the children stay at home"
    out = step(Config(model=str(tmp_path / "s.npz")))(documents([italian, english])).to_pydict()
    assert out["politeness"][0] is None
    assert out["politeness"][1] is not None
    assert out["abstained"][0][0].startswith("politeness: ita_Latn: right in")
    assert out["abstained"][1] == []


def test_a_family_of_which_little_is_known_is_answered(politeness) -> None:
    """Half of eight Turkish texts are right: below the floor, but the interval reaches above it."""
    labelled = [row | {"lang": "eng_Latn"} for row in rows(400)]
    sure = [n for n, row in enumerate(labelled) if row["politeness"] != 2][:8]
    for k, n in enumerate(sure):
        flip = k % 2 == 0
        level = labelled[n]["politeness"]
        labelled[n] |= {"lang": "tur_Latn", "politeness": 4 - level if flip else level}
    found, measured = train(vectors(), labelled, [row["lang"] for row in labelled], [politeness])
    one = measured["politeness"]
    turkic = one.families["Turkic"]
    assert turkic.low < one.floor < turkic.high
    assert one.abstains == {}
    assert found.floors["politeness"] == {}


def test_a_head_that_is_too_sure_gets_a_temperature(politeness, monkeypatch) -> None:
    monkeypatch.setattr(training, "PENALTIES", (1e-4,))
    rng = np.random.default_rng(3)
    wrong = rng.random(300) < 0.4
    labelled = [
        row | {"politeness": int(rng.integers(1, 4))} if bad else row
        for row, bad in zip(rows(300), wrong, strict=True)
    ]
    found, _ = train(vectors(), labelled, [None] * 300, [politeness])
    assert found.heads["politeness"].temperature > 1.2


def test_a_family_that_is_read_less_surely_gets_a_temperature_of_its_own(politeness) -> None:
    """Half of the Turkish labels are drawn: a head that is sure of its answers is too sure there."""
    rng = np.random.default_rng(3)
    labelled = [
        row | {"politeness": int(rng.integers(1, 4))}
        if row["lang"] == "tur_Latn" and rng.random() < 0.5
        else row
        for row in rows(900)
    ]
    found, measured = train(vectors(), labelled, [row["lang"] for row in labelled], [politeness])
    one = measured["politeness"]
    turkic, other = one.calibration["Turkic"], one.calibration["Indo-European"]
    assert turkic.own
    assert turkic.temperature > found.heads["politeness"].temperature == one.temperature
    assert turkic.ece < turkic.ece_before
    assert one.ece < one.ece_before
    assert found.temperatures["politeness"]["Turkic"] == turkic.temperature
    assert turkic.apart + other.apart == one.student.texts
    assert turkic.set_on + other.set_on == one.fitted_on


def test_shares_of_languages_add_up_to_those_of_their_family(trained) -> None:
    one = trained[1]["politeness"]
    assert set(one.languages) == {"eng_Latn", "deu_Latn", "tur_Latn"}
    hits = {label: round(s.value * s.texts) for label, s in one.languages.items()}
    whole = one.families["Indo-European"]
    assert hits["eng_Latn"] + hits["deu_Latn"] == round(whole.value * whole.texts)
    assert one.languages["tur_Latn"] == one.families["Turkic"]


def test_vectors_are_kept_as_bytes_to_half_a_step() -> None:
    rng = np.random.default_rng(6)
    rows_, grams = rng.normal(size=(5, 4)) * 9, rng.normal(size=(64, 4))
    one = quantised([b"a", b"b", b"c", b"d", b"e"], rows_, grams, (2, 3))
    for array, kept in ((rows_, one.rows), (grams, one.grams)):
        assert (np.abs(array - kept * one.scales) <= one.scales / 2 + 1e-6).all()
    assert np.abs(one.rows).max() == 127


def test_a_text_says_the_same_twice_as_once() -> None:
    one = vectors()
    text = "please table kindly window"
    once, twice = one.features([text, f"{text} {text}"])[:, :24]
    assert once == pytest.approx(twice, abs=1e-5)
    assert np.linalg.norm(once) == pytest.approx(1, abs=1e-5)


def test_more_texts_help_and_are_not_measured_on(politeness) -> None:
    few, more = rows(120), rows(400, seed=9)
    _, alone = train(vectors(), few, [None] * 120, [politeness])
    _, helped = train(vectors(), few, [None] * 120, [politeness], more)
    assert helped["politeness"].student.texts == alone["politeness"].student.texts
    assert helped["politeness"].fitted_on == alone["politeness"].fitted_on + 400


def test_more_texts_of_what_is_kept_apart_are_left_out(politeness) -> None:
    """Labels by lot that a translation of each text has, too: whoever had seen these would know them."""
    rng = np.random.default_rng(4)
    noise = [
        {"text": f"table zq{n:04d}xw", "group": n, "politeness": int(rng.integers(1, 4))}
        for n in range(400)
    ]
    again = [row | {"text": f"{row['text']} window"} for row in noise]
    _, measured = train(vectors(), noise, [None] * 400, [politeness], again)
    one = measured["politeness"]
    assert one.fitted_on == 2 * sum(not kept_apart(row) for row in noise)
    assert not one.on
    assert unrelated(noise, [{"text": "new"}]) == [{"text": "new"}]
    apart = next(row for row in noise if kept_apart(row))
    assert unrelated(noise, [{"text": apart["text"], "group": "another"}]) == []


def test_a_row_counts_by_its_weight(politeness) -> None:
    """Texts with the wrong end of the scale: they decide where they weigh more than the others."""
    few, wrong = rows(240), [row | {"politeness": 4 - row["politeness"]} for row in rows(240, 9)]
    found = {}
    for weight in (0.001, 50):
        more = [row | {"weight": weight} for row in wrong]
        found[weight] = train(vectors(), few, [None] * 240, [politeness], more)[1]["politeness"]
    assert found[0.001].student.value > 0.9
    assert found[50].student.value < 0


def test_too_few_labels_are_named(politeness) -> None:
    with pytest.raises(ValueError, match=r"politeness: \d+ labelled texts to fit on; it takes 40"):
        train(vectors(), rows(30), [None] * 30, [politeness])
    wrong = [{"text": "a", "politeness": 9}]
    with pytest.raises(ValueError, match="politeness: unknown value '9'"):
        train(vectors(), wrong, [None], [politeness])


def test_a_file_holds_it_all(trained, tmp_path) -> None:
    found, _ = trained
    path = tmp_path / "one.npz"
    save(found, path)
    again = load(path)
    texts = ["please come in kindly", "stupid fool", "table window 12"]
    assert again.features(texts) == pytest.approx(found.features(texts), abs=1e-5)
    assert again.dimensions == found.dimensions
    head, kept = found.heads["politeness"], again.heads["politeness"]
    assert kept.probabilities(again.features(texts)) == pytest.approx(
        head.probabilities(found.features(texts)), abs=1e-4
    )
    first = path.read_bytes()
    save(again, path)
    assert load(path).card == again.card
    assert len(path.read_bytes()) == len(first)


def test_a_file_holds_the_temperatures_of_families(trained, tmp_path, monkeypatch) -> None:
    found, _ = trained
    path = tmp_path / "one.npz"
    own = {"politeness": {"Turkic": 2.5}}
    save(found._replace(temperatures=own), path)
    assert load(path).temperatures == own
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(arrays["about"].tobytes())
    del about["family_temperatures"]  # as files were before there were any
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, **arrays)
    assert load(path).temperatures == {}


def test_a_family_s_temperature_is_that_of_its_texts_alone(trained, documents, tmp_path) -> None:
    found, _ = trained
    own = {"politeness": {"none": 30.0}}
    paths = [tmp_path / "plain.npz", tmp_path / "own.npz"]
    save(found._replace(temperatures={}), paths[0])
    save(found._replace(temperatures=own), paths[1])
    english = "Thank you, you are kindly welcome, please come in, and gladly so, my dear friends."
    code = "please = thank(welcome, kindly); return {'a': [please for i in range(10)]}; print(x)"
    plain, hot, again = (
        step(Config(model=str(path)))(documents([english, code])) for path in (*paths, paths[1])
    )
    assert hot.equals(again)
    before, after = (t.column("politeness_score").to_pylist() for t in (plain, hot))
    assert after[0] == before[0]
    head, features = found.heads["politeness"], found.features([code])
    expected = head.probabilities(features, np.array([30.0]))[0] @ [1, 2, 3]
    assert after[1] == pytest.approx(expected, abs=1e-4)
    assert abs(after[1] - before[1]) > 0.05


def test_another_file_is_refused(tmp_path) -> None:
    path = tmp_path / "notes.npz"
    path.write_text("none")
    with pytest.raises(ValueError, match="is no student"):
        load(path)


def test_columns_scores_and_reasons(trained, documents, tmp_path) -> None:
    found, _ = trained
    path = tmp_path / "one.npz"
    save(found._replace(floors={"politeness": {"none": "none: read too badly"}}), path)
    config = Config(model=str(path))
    texts = [
        "Thank you, you are kindly welcome, please come in, and gladly so, my dear friends.",
        "",
        "x = f(a, b); y = [i for i in range(10)]; print(x, y, sep=';'); return {'a': x}",
    ]
    table = step(config)(documents(texts))
    assert table.schema.equals(student.schema(config))
    assert table.schema.names[1:] == ["politeness", "politeness_score", "abstained"]
    polite, empty, code = table.to_pylist()
    assert polite["politeness"] == 3
    assert 2 < polite["politeness_score"] <= 3
    assert polite["abstained"] == []
    assert (empty["politeness"], empty["abstained"]) == (None, ["politeness: no text"])
    assert (code["politeness"], code["abstained"]) == (None, ["politeness: none: read too badly"])


def test_answers_by_hand() -> None:
    known = np.array([True, True, False])
    found = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    labels, scores = answers(TWO, found, known)
    assert labels.to_pylist() == ["a", "b", None]
    assert scores.to_pylist() == pytest.approx([0.9, 0.8, None])
    levels = TWO.model_copy(update={"kind": "ordinal", "first": 1})
    labels, scores = answers(levels, found, known)
    assert (labels.type, labels.to_pylist()) == (pa.int8(), [1, 2, None])
    assert scores.to_pylist() == pytest.approx([1.1, 1.8, None])
    many = TWO.model_copy(update={"kind": "multi"})
    labels, scores = answers(many, found, known)
    assert labels.to_pylist() == [["a"], ["b"], None]
    assert scores.to_pylist() == pytest.approx([1 - 0.1 * 0.9, 1 - 0.8 * 0.2, None])


def test_letters_case_and_marks_do_not_matter() -> None:
    one = vectors()
    words = one.features(["please come in", "PLEASE, come... in!"])[:, :24]
    assert words[0] == pytest.approx(words[1], abs=1e-5)


def test_a_text_is_judged_alone(trained) -> None:
    found, _ = trained
    texts = ["please", "", "stupid table " * 900, "дом вода"]
    together = found.features(texts)
    for row, text in zip(together, texts, strict=True):
        assert row == pytest.approx(found.features([text])[0], abs=1e-5)


def test_a_head_is_linear_in_the_features() -> None:
    head = Head(kind="nominal", weights=np.eye(2), biases=np.zeros(2))
    assert head.probabilities(np.array([[0.0, np.log(3)]]))[0] == pytest.approx([0.25, 0.75])


def test_each_text_may_have_a_temperature() -> None:
    head = Head(kind="nominal", weights=np.eye(2), biases=np.zeros(2), temperature=7.0)
    x = np.array([[0.0, np.log(9)], [0.0, np.log(9)]])
    found = head.probabilities(x, np.array([1.0, 2.0]))
    assert found == pytest.approx(np.array([[0.1, 0.9], [0.25, 0.75]]))
