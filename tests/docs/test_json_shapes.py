"""Every command that prints JSON has its shape in docs/json/, and the shapes find what is not as they say."""

import json

import pytest
from jsonschema import Draft202012Validator

from tests.support import json_shapes
from tests.support.databases import ROOT

PAGE = (ROOT / "docs" / "json.md").read_text("utf-8")
SCHEMAS = sorted(path.name.removesuffix(json_shapes.SUFFIX) for path in json_shapes.FOLDER.iterdir())


def test_each_command_with_json_has_a_schema_and_a_line_on_the_page() -> None:
    assert set(SCHEMAS) == json_shapes.with_json(), "write docs/json/<command>.schema.json"
    for name in SCHEMAS:
        assert f"[`{name.replace('-', ' ')} --json`](json/{name}{json_shapes.SUFFIX})" in PAGE


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_a_schema_whose_parts_are_described(name: str) -> None:
    schema = json.loads((json_shapes.FOLDER / f"{name}{json_shapes.SUFFIX}").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"{name.replace('-', ' ')} --json"
    assert '"version": {"const": 1' in json.dumps(schema)
    used = {part.split('"')[0] for part in json.dumps(schema).split('"#/$defs/')[1:]}
    assert used == set(schema.get("$defs", {}))


GOOD = '[{"version": 1, "name": "one head", "problems": []}]'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD, ""),
        (GOOD.replace("1", "2"), "$[0].version: 1 was expected"),
        (GOOD.replace('"version": 1, ', ""), "$[0]: 'version' is a required property"),
        (GOOD.replace("[]", "[7]"), "$[0].problems[0]: 7 is not of type 'string'"),
        (GOOD.replace('"name"', '"more": 1, "name"'), "$[0]: Additional properties are not allowed"),
        ("", ""),
    ],
)
def test_what_is_not_as_documented_is_found(text: str, fault: str) -> None:
    found = json_shapes.faults(["check", "--json"], text)
    assert len(found) == bool(fault)
    assert fault in "".join(found)
