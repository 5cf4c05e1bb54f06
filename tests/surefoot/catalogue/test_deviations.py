"""A deviation is one line that fits a terminal, and JSON with the values in full."""

import json

import pytest

from surefoot.catalogue.differences import LONGEST, Deviation, Difference, Kind

LONG = "x" * 500


@pytest.mark.parametrize(
    ("deviation", "line"),
    [
        (
            Deviation(Kind.DIFFERENT, "column users.grade_level", "type", "integer", "character varying"),
            "column users.grade_level: expected type integer, found character varying",
        ),
        (
            Deviation(Kind.DIFFERENT, "column users.email", "nullability", "not null", "null"),
            "column users.email: expected not null, found null",
        ),
        (
            Deviation(Kind.DIFFERENT, "column users.email", "default", "''::text", None),
            "column users.email: expected default ''::text, found none",
        ),
        (
            Deviation(Kind.MISSING, "index ix_users_email on users", None, "CREATE INDEX …", None),
            "index ix_users_email on users: missing (expected CREATE INDEX …)",
        ),
        (
            Deviation(Kind.UNEXPECTED, "enum role", None, None, "admin,\n  student"),
            "enum role: unexpected (found admin, student)",
        ),
        (
            Deviation(Kind.DIFFERENT, "function f()", "definition", "a\nb\nc", "a\nb"),
            "function f(): line 3: expected c, found no more",
        ),
        (
            Deviation(Kind.DIFFERENT, "table t", "comment", "one\nline", "two"),
            "table t: expected comment one line, found two",
        ),
    ],
)
def test_a_deviation_reads_as_one_line(deviation: Deviation, line: str) -> None:
    assert str(deviation) == line


def test_of_a_long_text_the_part_that_differs_is_shown() -> None:
    deviation = Deviation(Kind.DIFFERENT, "view v", "definition", f"{LONG}a{LONG}", f"{LONG}b{LONG}")
    assert "xa" in str(deviation)
    assert "xb" in str(deviation)
    assert len(str(deviation)) < 2 * LONGEST + 60


def test_of_a_long_text_that_only_goes_on_its_end_is_shown() -> None:
    assert "xb" in str(Deviation(Kind.DIFFERENT, "view v", "definition", LONG, f"{LONG}b"))


def test_json_holds_the_values_in_full() -> None:
    deviation = Deviation(Kind.DIFFERENT, "function f()", "definition", f"{LONG}\na", f"{LONG}\nb")
    (read,) = json.loads(json.dumps(Difference((deviation,)).as_json()))
    assert read == {
        "kind": "different",
        "what": "function f()",
        "attribute": "definition",
        "expected": f"{LONG}\na",
        "found": f"{LONG}\nb",
    }
