"""Every rule has its text, one place, which `ourschool lint --explain` and docs/lint.md print."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from surefoot.author import lint
from surefoot.author.lint import rule_texts, squawk
from surefoot.errors import UsageError
from tests.support.databases import Database
from tests.support.typed import ourschool

NAMES = [each.name for each in rule_texts.TEXTS]


def of_the_modules() -> set[str]:
    """The names of rules that the modules of lint have as constants, by their form."""
    found = set[str]()
    for module in pkgutil.iter_modules(lint.__path__):
        if re.search(r"_rules?$|dependence$|^acknowledgements$", module.name):
            values = vars(importlib.import_module(f"surefoot.author.lint.{module.name}")).values()
            found |= {each for each in values if isinstance(each, str) and re.fullmatch(r"[a-z]+(-[a-z]+)+", each)}
    return found


def test_every_rule_of_ours_has_a_text_and_every_text_a_rule() -> None:
    own = [each.name for each in rule_texts.TEXTS if not each.by_squawk]
    assert own == sorted(of_the_modules())
    assert len(own) > 25


def test_so_has_every_rule_of_squawk_with_a_safe_form() -> None:
    assert {each.name for each in rule_texts.TEXTS if each.by_squawk} >= squawk.SAFE.keys()
    assert not [name for name in NAMES if name.startswith(tuple(squawk.LEFT_OUT))]


def test_the_guide_names_every_rule_of_ours(scratch: Database) -> None:
    guide = Path("docs/author.md").read_text("utf-8")
    assert [name for name in of_the_modules() if f"`{name}`" not in guide and not name.startswith("ack")] == []
    said = ourschool(scratch, "lint", "--explain", "json-column").stdout.splitlines()
    assert said == [
        "json-column",
        "  finds      A column is json, not jsonb.",
        "  why        json has no equality, so DISTINCT, GROUP BY and UNION on the row fail, and no index.",
        '  safe       sa.Column("<column>", postgresql.JSONB())',
        "  or         # lint: json-column <why it does no harm here>   (above the call)",
    ]


def test_an_unknown_one_is_told_with_the_nearest(scratch: Database) -> None:
    refused = ourschool(scratch, "lint", "--explain", "lose-data", status=2)
    assert "There is no rule 'lose-data': did you mean loses-data?" in refused.stderr
    assert "ourschool lint --explain loses-data" in refused.stderr
    with pytest.raises(UsageError, match="There is no rule 'xyz'\\."):
        rule_texts.explain("xyz")


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_whole(name: str) -> None:
    text = next(each for each in rule_texts.TEXTS if each.name == name)
    assert text.finds.endswith(".")
    assert text.why.endswith(".")
    printed = rule_texts.explain(name)
    assert text.safe.splitlines()[0] in printed
    assert ("# lint:" in printed.splitlines()[-1]) or name.startswith("acknowledgement-")
