"""Definitions as PostgreSQL prints them, awkward names included, taken apart into arguments."""

import pytest

from surefoot.autogenerate import parsed_definitions
from surefoot.autogenerate.parsed_definitions import ForeignKey, IndexParts, Unique, Unreadable


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("FOREIGN KEY (parent_id) REFERENCES users(id)", ForeignKey(["parent_id"], "users", ["id"], {})),
        (
            'FOREIGN KEY ("a, b", c) REFERENCES "Select From"("I""d", x) ON UPDATE CASCADE ON DELETE SET NULL ("a, b") '
            "DEFERRABLE INITIALLY DEFERRED",
            ForeignKey(
                ["a, b", "c"], "Select From", ['I"d', "x"],
                {"onupdate": "CASCADE", "ondelete": 'SET NULL ("a, b")', "deferrable": True, "initially": "DEFERRED"},
            ),
        ),
    ],
)  # fmt: skip
def test_foreign_keys(text: str, key: ForeignKey) -> None:
    assert parsed_definitions.foreign_key(text) == key


def test_uniques() -> None:
    assert parsed_definitions.unique("UNIQUE (a)") == Unique(["a"], {})
    assert parsed_definitions.unique('UNIQUE NULLS NOT DISTINCT (a, "B")') == Unique(
        ["a", "B"], {"nulls_not_distinct": True}
    )
    assert parsed_definitions.unique("PRIMARY KEY (day)") == Unique(["day"], {})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("CREATE INDEX i ON t USING btree (a)", IndexParts(["a"], frozenset(), False)),
        (
            'CREATE UNIQUE INDEX "I x" ON "Select From" USING gin (lower(a || \',)\'), "a, b" DESC NULLS LAST, "c d") '
            "INCLUDE (x, \"y\") NULLS NOT DISTINCT WITH (fillfactor='80') WHERE a > 0 AND b = ') WHERE'",
            IndexParts(
                ["lower(a || ',)')", '"a, b" DESC NULLS LAST', "c d"],
                frozenset({"lower(a || ',)')", '"a, b" DESC NULLS LAST'}),
                True,
                {
                    "postgresql_using": "gin",
                    "postgresql_include": ["x", "y"],
                    "postgresql_nulls_not_distinct": True,
                    "postgresql_with": {"fillfactor": "80"},
                    "postgresql_where": "a > 0 AND b = ') WHERE'",
                },
            ),
        ),
    ],
)
def test_indexes(text: str, parts: IndexParts) -> None:
    assert parsed_definitions.index(text) == parts


@pytest.mark.parametrize(
    "text",
    ["EXCLUDE USING gist (during WITH &&)", "UNIQUE (a) INCLUDE (b)", "FOREIGN KEY (a) REFERENCES t(b) MATCH FULL"],
)
def test_what_no_operation_has_words_for_is_not_guessed(text: str) -> None:
    with pytest.raises(Unreadable):
        (parsed_definitions.foreign_key if text.startswith("FOREIGN") else parsed_definitions.unique)(text)


def test_a_name_is_found_outside_literals_only() -> None:
    assert parsed_definitions.mentions("lower(email) = 'x'", "email")
    assert parsed_definitions.mentions('("Select From".a)', "Select From")
    assert not parsed_definitions.mentions("lower(username) = 'email'", "email")
    assert not parsed_definitions.mentions("email_2 > 0", "email")
