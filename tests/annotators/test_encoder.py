"""The second tier: a student that reads with an encoder, and what is sent up to it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from annotators import student, taxonomy
from annotators.encoder import Encoder
from annotators.heads import Head
from annotators.student import Config, load, save, untaught
from annotators.training import train
from corpus.document import document_id
from corpus.errors import PlanError
from tests.annotators.students import PLAIN, POLITE, POLITENESS, RUDE, rows, vectors
from workflows.evaluate import evaluate
from workflows.train_student import train_student

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *POLITE, *RUDE, *PLAIN]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of random weights that knows the words of our test texts, as transformers stores it."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("encoder")
    (path / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab=str(path / "vocab.txt")).save_pretrained(path)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    BertModel(config).save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def politeness(tmp_path_factory):
    path = tmp_path_factory.mktemp("taxonomy") / "own.yaml"
    path.write_text(POLITENESS)
    return taxonomy.load(str(path))["politeness"]


def file_of(found, path):
    save(found, path)
    return str(path)


@pytest.fixture(scope="module")
def files(folder, politeness, tmp_path_factory):
    """A first tier that is never sure, and a second of an encoder that was taught."""
    where = tmp_path_factory.mktemp("students")
    labelled = rows(900)
    taught, measured = train(
        untaught(Encoder(folder)), labelled, [row["lang"] for row in labelled], [politeness]
    )
    assert measured["politeness"].student.value > 0.6
    base = vectors()
    blank = Head(
        kind="ordinal", weights=np.zeros((1, len(base.mean))), biases=np.array([-1e9, 0.0])
    )  # level 2 or 3, one as likely as the other
    dull = base._replace(dimensions={"politeness": politeness}, heads={"politeness": blank})
    return file_of(dull, where / "first.npz"), file_of(taught, where / "second.npz")


def documents(texts):
    ids = [document_id("t", "", n) for n in range(len(texts))]
    return pa.table(
        {"id": pa.array(ids, pa.binary(16)), "text": pa.array(texts, pa.large_string())}
    )


def test_vectors_have_length_one_and_do_not_depend_on_who_stands_beside(folder):
    one = untaught(Encoder(folder))
    texts = ["please kindly", "table river number " * 50, "", "stupid"]
    found = one.features(texts)
    assert found.shape == (4, 48 + 24)
    assert np.linalg.norm(found[:, :48], axis=1) == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert (one.features(texts) == found).all()
    assert one.features(texts[:1])[0] == pytest.approx(found[0], abs=1e-4)


def test_what_the_first_is_unsure_of_goes_up_and_the_rest_does_not(files, folder):
    first, second = files
    texts = [str(row["text"]) for row in rows(60)] + ["   "]
    config = Config(model=first, second=second, encoder=folder, sure=0.6)
    found = student.step(config)(documents(texts)).to_pydict()
    alone = student.step(Config(model=second, encoder=folder))(documents(texts)).to_pydict()
    assert found["tier"] == [2] * 60 + [None]
    assert found["politeness"] == alone["politeness"]
    assert found["abstained"][-1] == ["politeness: no text"]
    pairs = zip(found["politeness"], rows(60), strict=False)
    assert sum(level == row["politeness"] for level, row in pairs) > 30  # the first is right in 20
    low = student.step(Config(model=first, second=second, encoder=folder, sure=0.4))
    kept = low(documents(texts)).to_pydict()
    assert kept["tier"] == [1] * 60 + [None]
    assert set(kept["politeness"][:60]) <= {2, 3}


def test_only_some_texts_go_up_where_only_some_are_unsure(files, folder, politeness, tmp_path):
    labelled = rows(400)
    taught, _ = train(vectors(), labelled, [row["lang"] for row in labelled], [politeness])
    first = file_of(taught, tmp_path / "first.npz")
    texts = [str(row["text"]) for row in rows(90, seed=4)]
    one = student.step(Config(model=first))(documents(texts)).to_pydict()
    sure = taught.heads["politeness"].probabilities(taught.features(texts)).max(axis=1)
    limit = float(np.median(sure))
    config = Config(model=first, second=files[1], encoder=folder, sure=limit)
    found = student.step(config)(documents(texts)).to_pydict()
    again = load(tmp_path / "first.npz")
    sure = again.heads["politeness"].probabilities(again.features(texts)).max(axis=1)
    assert found["tier"] == [2 if s < limit else 1 for s in sure]
    assert 30 < found["tier"].count(2) < 60
    for tier, mine, first_says in zip(
        found["tier"], found["politeness_score"], one["politeness_score"], strict=True
    ):
        if tier == 1:
            assert mine == first_says


def test_a_dimension_that_only_the_second_has_is_no_column(files, folder, tmp_path, politeness):
    second = load(files[1], folder)
    other = politeness.model_copy(update={"name": "other"})
    head = second.heads["politeness"]
    more = second._replace(
        dimensions=dict(second.dimensions) | {"other": other},
        heads={"politeness": head, "other": head},
    )
    path = file_of(more, tmp_path / "o.npz")
    config = Config(model=files[0], second=path, encoder=folder, sure=0.9)
    found = student.step(config)(documents(["please", "stupid", "table"]))
    assert found.column_names == ["id", "politeness", "politeness_score", "abstained", "tier"]
    assert found.column("tier").to_pylist() == [2, 2, 2]


def test_a_second_that_answers_otherwise_is_refused(files, folder, tmp_path, politeness):
    second = load(files[1], folder)
    other = politeness.model_copy(update={"name": "other"})
    later = politeness.model_copy(update={"first": 0})
    unrelated = second._replace(
        dimensions={"other": other}, heads={"other": second.heads["politeness"]}
    )
    wrong = {
        "of which the first student has none": unrelated,
        "politeness has other values than in": second._replace(dimensions={"politeness": later}),
    }
    for message, found in wrong.items():
        path = file_of(found, tmp_path / "o.npz")
        with pytest.raises(ValueError, match=message):
            student.schema(Config(model=files[0], second=path, encoder=folder))
    with pytest.raises(ValueError, match="name its folder as `encoder`"):
        student.schema(Config(model=files[0], second=files[1]))
    named = politeness.model_copy(update={"kind": "nominal"})
    turned = named.model_copy(update={"values": dict(reversed(named.values.items()))})
    tiers = []
    for number, dimension in enumerate((named, turned)):
        size = len(second.mean)
        head = Head(kind="nominal", weights=np.zeros((3, size)), biases=np.array([0.0, 0.0, 1.0]))
        one = second._replace(dimensions={"politeness": dimension}, heads={"politeness": head})
        tiers.append(file_of(one, tmp_path / f"{number}.npz"))
    with pytest.raises(ValueError, match=r"other values than in .*, or in another order"):
        student.schema(Config(model=tiers[0], second=tiers[1], encoder=folder))


def test_a_text_that_the_first_abstains_on_goes_up_however_sure_it_is(
    files, folder, politeness, tmp_path
):
    taught, _ = train(vectors(), rows(400), [None] * 400, [politeness])
    floors = {"politeness": {"none": "none: badly read"}}
    first = file_of(taught._replace(floors=floors), tmp_path / "first.npz")
    config = Config(model=first, second=files[1], encoder=folder, sure=0.0)
    found = student.step(config)(documents(["qqq please", "zzz stupid xx"])).to_pydict()
    assert found["tier"] == [2, 2]
    assert None not in found["politeness"]


def test_where_the_second_abstains_the_first_is_kept(files, folder, tmp_path):
    second = load(files[1], folder)
    floors = {"politeness": {"none": "badly read", "Indo-European": "badly read"}}
    path = file_of(second._replace(floors=floors), tmp_path / "o.npz")
    texts = ["please kindly thank welcome", "table river number window garden"]
    alone = student.step(Config(model=files[0]))(documents(texts)).to_pydict()
    config = Config(model=files[0], second=path, encoder=folder, sure=0.9)
    found = student.step(config)(documents(texts)).to_pydict()
    assert found["tier"] == [2, 2]
    assert found["politeness"] == alone["politeness"]
    assert found["abstained"] == [[], []]


def test_an_encoder_is_part_of_the_fingerprint(files, folder):
    plain, more = (student.assets(Config(model=files[0], **c)) for c in ({}, {"second": files[1]}))
    assert more.keys() - plain.keys() == {"second"}
    with_encoder = student.assets(Config(model=files[1], encoder=folder))
    assert with_encoder["encoder"] == Encoder(folder).sha256


def test_a_labelled_set_makes_a_student_that_reads_with_an_encoder(folder, tmp_path):
    (tmp_path / "own.yaml").write_text(POLITENESS)
    data = tmp_path / "set.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows(600)))
    out = tmp_path / "out.npz"
    measured = train_student(data, out, own=str(tmp_path / "own.yaml"), encoder=folder)
    assert measured["politeness"].on
    found = evaluate("student", data, {"model": str(out), "encoder": folder})
    assert found.results[0].all["kappa"].value > 0.6
    with pytest.raises(PlanError, match=r"--encoder: .* is no encoder"):
        train_student(data, out, encoder=str(tmp_path))


def test_another_encoder_and_none_are_refused(files, folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "more.txt").write_text("x")
    with pytest.raises(ValueError, match="of another encoder than"):
        load(files[1], str(other))
    with pytest.raises(ValueError, match="name its folder as `encoder`"):
        load(files[1])
    with pytest.raises(ValueError, match="it has no config"):
        Encoder(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nothing"}))
    with pytest.raises(ValueError, match="is no encoder"):
        Encoder(str(tmp_path))
    for config in (Config(second="none.npz"), Config(second=files[1], encoder="nowhere")):
        with pytest.raises(ValueError, match="is no"):
            student.schema(config)
    with pytest.raises(ValueError, match="sure is 2; it is a probability"):
        Config(sure=2)
