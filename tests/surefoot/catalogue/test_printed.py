"""Two printed forms of one expression become one, and nothing inside a literal is touched."""

import pytest

from surefoot.catalogue.normalise import expression, single_view


@pytest.mark.parametrize(
    ("fresh", "restored"),
    [
        ("ARRAY['a'::character varying]::text[]", "ARRAY['a'::character varying::text]"),
        (
            "(v::text = ANY (ARRAY['it''s, ]'::character varying, NULL::character varying]::text[])) AND i > 1",
            "(v::text = ANY (ARRAY['it''s, ]'::character varying::text, NULL::character varying::text])) AND i > 1",
        ),
        (
            r"v::text <> ALL (ARRAY[E'back\\\\slash'::character varying]::text[])",
            r"v::text <> ALL (ARRAY[E'back\\\\slash'::character varying::text])",
        ),
    ],
)
def test_a_list_reads_as_it_does_after_a_restore(fresh: str, restored: str) -> None:
    assert expression(fresh) == restored
    assert expression(restored) == restored


@pytest.mark.parametrize(
    "text",
    ["ARRAY[1, 2]", "ARRAY['a'::text, 'b'::text]", "v = 'ARRAY[''a''::character varying]::text[]'"],
)
def test_other_expressions_stay(text: str) -> None:
    assert expression(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" SELECT users.id,\n    users.a\n   FROM users;", " SELECT id,\n    a\n   FROM users;"),
        (" SELECT u.id\n   FROM users u\n  WHERE u.a > 1;", " SELECT id\n   FROM users u\n  WHERE a > 1;"),
        (' SELECT "A b".id\n   FROM "A b";', ' SELECT id\n   FROM "A b";'),
        (" SELECT t.id\n   FROM ONLY other.t;", " SELECT id\n   FROM ONLY other.t;"),
        (" SELECT 'it''s u.id' AS \"u.id\"\n   FROM users u;", " SELECT 'it''s u.id' AS \"u.id\"\n   FROM users u;"),
        (" SELECT row_to_json(u.*) AS j\n   FROM users u;", " SELECT row_to_json(u.*) AS j\n   FROM users u;"),
        (" SELECT menu.id\n   FROM users u;", " SELECT menu.id\n   FROM users u;"),
        (" SELECT 1 AS one;", " SELECT 1 AS one;"),
    ],
)
def test_a_view_on_one_relation_loses_its_qualifiers(before: str, after: str) -> None:
    assert single_view(before) == after
