"""The budget of an upgrade, as a setting and as a comment in a revision."""

import pytest

from ourschool.project import PROJECT
from surefoot.budgets import NO_LIMITS, Budget, Raise, raises_in, read
from surefoot.errors import UsageError
from surefoot.settings import load


def test_what_is_not_named_keeps_its_default() -> None:
    assert read("", "B") == Budget()
    assert read(" readers=0.5\twriters=off ", "B") == Budget(readers=0.5, writers=None)
    assert read("readers=off writers=off rewritten=off seconds=off lost=off", "B") == NO_LIMITS
    assert load(PROJECT, environ={"OURSCHOOL_BUDGET": "lost=0"}).budget == Budget(lost=0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("readers", "'readers'"), ("readers=", "'readers='"), ("readers=-1", "'readers=-1'"),
        ("writers=1 reader=2", "'reader=2'"), ("readers=1s", "'readers=1s'"), ("readers=nan", "'readers=nan'"),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_one_sentence(text: str, shown: str) -> None:
    with pytest.raises(UsageError, match="OURSCHOOL_BUDGET has") as caught:
        load(PROJECT, environ={"OURSCHOOL_BUDGET": text})
    assert f"OURSCHOOL_BUDGET has {shown}, which is no limit." in str(caught.value)


def test_comments_are_read_and_texts_are_not() -> None:
    source = '''"""A text: # budget: readers=9 because."""
# budget: readers=3 writers=off forty rows in every school
TEXT = "# budget: lost=9 because"
#budget:seconds=10
x = 1  # budget: because
'''
    assert raises_in(source) == [
        Raise({"readers": 3, "writers": None}, "forty rows in every school"),
        Raise({"seconds": 10}, ""),
        Raise({}, "because"),
    ]


def test_a_raise_never_lowers() -> None:
    assert Budget(readers=2).raised({"readers": 1, "writers": None}) == Budget(readers=2, writers=None)
    assert NO_LIMITS.raised({"readers": 1}) == NO_LIMITS
