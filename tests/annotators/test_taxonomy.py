"""The taxonomy is data: what is derived from an entry, and how a mistake in one is told."""

from __future__ import annotations

import pyarrow as pa
import pytest

from annotators.taxonomy import chosen, load, rubric, schema
from corpus.errors import PlanError
from tests.annotators.students import POLITENESS


def test_ours_has_the_main_dimensions_and_every_entry_is_whole() -> None:
    dimensions = load()
    main = [name for name, dimension in dimensions.items() if dimension.main]
    assert main == [
        "educational_value",
        "field",
        "domain_topic",
        "format",
        "safety_severity",
        "information_density",
        "extraction_artifacts",
    ]
    sizes = {name: len(dimension.values) for name, dimension in dimensions.items()}
    assert (sizes["domain_topic"], sizes["format"], sizes["field"]) == (24, 24, 22)
    for dimension in dimensions.values():
        assert all([dimension.question, dimension.abstain, dimension.source])
        assert all(meaning.endswith((".", ")")) for meaning in dimension.values.values())


def test_labels_and_columns() -> None:
    dimensions = load()
    value, depth = dimensions["educational_value"], dimensions["reasoning_depth"]
    assert value.labels == (0, 1, 2, 3, 4, 5)
    assert depth.labels == (1, 2, 3, 4, 5)
    assert depth.place(1) == 0
    assert value.type == pa.int8()
    assert dimensions["field"].type == pa.string()
    assert dimensions["safety_hazard"].type == pa.list_(pa.string())


def test_another_file_adds_a_dimension(tmp_path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(POLITENESS)
    dimensions = load(str(path))
    assert list(dimensions)[-1] == "politeness"
    assert len(dimensions) == len(load()) + 1
    assert dimensions["politeness"].rubric == (
        "## politeness (ordinal)\nHow polite is the text?\n- 1 (rude): It insults.\n- 2 (plain): It does neither.\n"
        "- 3 (polite): It takes care of its reader.\n- null: It speaks to nobody."
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: ordinal", "kind: cardinal", r"more\.yaml:2: politeness\.kind"),
        ("abstain: It speaks to nobody.", "", r"politeness\.abstain"),
        ("first: 1", "frist: 1", r"more\.yaml:3: unknown key 'frist'; did you mean 'first'"),
        ("plain:", "so-so:", "value 'so-so': a name has letters"),
        ("politeness:", "po lite:", "'po lite': a name has letters"),
        ("politeness:", "abstained:", "'abstained' is the name of another column"),
        ("politeness:", "reason:", "'reason' is the name of another column"),
        ("first: 1", "first: 126", "politeness has levels 126 to 128; they are -128 to 127"),
    ],
)
def test_a_mistake_is_named(tmp_path, old: str, new: str, message: str) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(POLITENESS.replace(old, new))
    with pytest.raises(PlanError, match=message):
        load(str(path))


def test_no_dimension_has_the_name_of_another_s_score(tmp_path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(POLITENESS + POLITENESS.replace("politeness", "politeness_score"))
    with pytest.raises(PlanError, match="'politeness_score' is the name of another column"):
        load(str(path))


def test_a_file_that_is_not_there_and_an_unknown_dimension(tmp_path) -> None:
    with pytest.raises(PlanError, match=r"taxonomy .*none\.yaml: No such file"):
        load(str(tmp_path / "none.yaml"))
    with pytest.raises(PlanError, match="unknown dimension 'feild'; did you mean 'field'"):
        chosen(load(), ["feild"])


def test_the_schema_of_an_answer() -> None:
    dimensions = chosen(load(), ["reasoning_depth", "extraction_artifacts", "safety_hazard"])
    artifacts = ["none", "leftover_markup", "extraction_errors", "irrelevant_content"]
    hazards = list(load()["safety_hazard"].values)
    assert schema(dimensions) == {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "maxLength": 400},
            "reasoning_depth": {"enum": [1, 2, 3, 4, 5, None]},
            "extraction_artifacts": {"enum": [*artifacts, None]},
            "safety_hazard": {
                "type": ["array", "null"],
                "items": {"enum": hazards},
                "uniqueItems": True,
            },
        },
        "required": ["reason", "reasoning_depth", "extraction_artifacts", "safety_hazard"],
        "additionalProperties": False,
    }


def test_check_names_what_is_no_answer() -> None:
    dimensions = load()
    for name, label in (("educational_value", 3), ("field", "law"), ("safety_hazard", ["hate"])):
        dimensions[name].check(label)
        dimensions[name].check(None)
    for name, label in (("educational_value", 6), ("educational_value", True), ("field", "laws")):
        with pytest.raises(ValueError, match=f"{name}: unknown value"):
            dimensions[name].check(label)
    with pytest.raises(ValueError, match="it is a list of values"):
        dimensions["safety_hazard"].check("hate")


def test_the_rubric_has_every_value_of_every_dimension() -> None:
    text = rubric(list(load().values()))
    for dimension in load().values():
        assert dimension.question in text
        assert all(meaning in text for meaning in dimension.values.values())
