"""Labels of an enum type that go: in arrays as well, and where one table refuses it, nothing has changed in another."""

from typing import Any

import pytest

from surefoot.errors import RefusedError
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, run

TABLES = (
    "create type mood as enum ('good', 'bad', 'gone')",
    "create table letters (id int primary key, feels mood not null default 'bad', felt mood[])",
    "create table others (id int primary key, felt mood[] default '{bad}')",
    "insert into letters select n, 'good', array['good', 'bad', null]::mood[] from generate_series(1, 20) as n",
    "insert into others values (1, '{{good,bad},{bad,bad}}'), (2, '{}'), (3, null)",
)
LEFT = "select typname, typnamespace::regnamespace::text from pg_type where typname like 'mood\\_%'"
TYPES = """
select atttypid::regtype::text
  from pg_attribute
 where attname in ('feels', 'felt')
   and attrelid in ('letters'::regclass, 'others'::regclass)
 order by attrelid::regclass::text, attname desc
"""
RETIRED = [("mood_unnamed", "retired")]


def fewer(op: Any) -> None:
    op.change_enum("mood", ["good", "bad"], was=["good", "bad", "gone"])


def as_before(op: Any) -> None:
    op.change_enum("mood", ["good", "bad", "gone"], was=["good", "bad"])


def test_arrays_lose_the_label_too_and_get_it_back(scratch: Database) -> None:
    scratch.execute(*TABLES)
    before, rows = catalogue(scratch), scratch.rows("select id, felt::text from others order by id")
    run(scratch, fewer)
    assert scratch.value("select felt::text from letters where id = 20") == "{good,bad,NULL}"
    assert scratch.rows("select id, felt::text from others order by id") == rows
    assert scratch.rows(TYPES) == [("mood[]",), ("mood",), ("mood[]",)]
    scratch.execute("insert into others (id) values (4)")
    assert scratch.value("select felt::text from others where id = 4") == "{bad}"
    assert scratch.value("select enum_range(null::mood)::text") == "{good,bad}"
    run(scratch, as_before)
    assert_equal(before, catalogue(scratch))


def test_rows_that_have_the_label_in_an_array_are_counted(scratch: Database) -> None:
    scratch.execute(*TABLES, "update others set felt = '{gone,gone,bad}' where id < 3")
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match=r"Rows of others\.felt hold labels that mood will not have: 'gone' \(2\)"):
        run(scratch, fewer)
    assert_equal(before, catalogue(scratch))
    assert scratch.rows(LEFT) == []


@pytest.mark.parametrize(
    "obstacle",
    [
        "create policy own on others using ('bad' = any (felt))",
        "create view seen as select felt from others",
        "alter table others add constraint none check (felt <> '{gone}')",
        "alter table others add twice boolean generated always as (felt = '{bad}') stored",
    ],
)
def test_what_one_table_refuses_has_changed_no_other(scratch: Database, obstacle: str) -> None:
    scratch.execute(*TABLES, obstacle)
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match="nothing was changed"):
        run(scratch, fewer)
    assert_equal(before, catalogue(scratch))
    assert scratch.rows(LEFT) == []


def test_a_refused_way_back_leaves_the_type_where_it_was(scratch: Database) -> None:
    scratch.execute(*TABLES)
    run(scratch, fewer)
    assert scratch.rows(LEFT) == RETIRED
    scratch.execute("create policy own on others using ('bad' = any (felt))")
    before = catalogue(scratch)
    with pytest.raises(RefusedError, match="policy own"):
        run(scratch, as_before)
    assert_equal(before, catalogue(scratch))
    assert scratch.rows(LEFT) == RETIRED
    scratch.execute("drop policy own on others")
    run(scratch, as_before)


def test_rules_and_triggers_name_the_labels_that_stay(scratch: Database) -> None:
    scratch.execute(
        *TABLES,
        "alter table letters add constraint kind check (feels in ('good', 'bad') or 'good' = any (felt))",
        "create unique index one_bad on letters (id) where feels = 'bad'",
        "create index by_felt on letters using gin (felt) where felt && array['bad'::mood]",
        "create function noted() returns trigger language plpgsql as $$ begin return new; end $$",
        "create trigger noted before update of feels on letters for each row when (new.feels = 'bad') "
        "execute function noted()",
    )
    before = catalogue(scratch)
    run(scratch, fewer)
    after = catalogue(scratch)
    assert (before.relations, before.functions) == (after.relations, after.functions)
    run(scratch, as_before)
    assert_equal(before, catalogue(scratch))
