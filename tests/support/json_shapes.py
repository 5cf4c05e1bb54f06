"""Holds what commands print with --json against docs/json/: every test that types one checks the shape with it."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.commands import commands
from tests.support.databases import ROOT

FOLDER = ROOT / "docs" / "json"
SUFFIX = ".schema.json"


@cache
def with_json() -> frozenset[str]:
    """Every command that has --json, by the name of its schema: `backup-list`."""
    return frozenset(
        "-".join(words)
        for words, command in commands()
        if any("--json" in parameter.opts for parameter in command.params)
    )


def faults(words: Sequence[str], text: str) -> list[str]:
    """What is not as documented in the JSON that the typed words have printed; nothing for what failed before it."""
    if not text.strip():
        return []
    name = next(one for one in ("-".join(words[:2]), words[0]) if one in with_json())
    found = json.loads(text)
    return [f"{each.json_path}: {each.message[:300]}" for each in _validator(name).iter_errors(found)]


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}{SUFFIX}").read_text("utf-8"))
    return Draft202012Validator(_strict(schema))


def _strict(schema: Any) -> Any:
    """Return the schema with no other properties allowed than it has: a reader may meet more, our tests must not."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made
