"""An empty database at head has nothing set aside, and what is left of the released revisions holds rows."""

import pytest

from tests.ourschool.history.schools import BASELINE, CHAIN, catalogue, downgrade, make_existing, step_down, upgrade
from tests.ourschool.history.small import SCHOOL
from tests.support import typed
from tests.support.databases import Database, fresh

ASIDE = """
select 'column ' || attrelid::regclass || '.' || attname from pg_attribute join pg_class c on c.oid = attrelid
 where starts_with(attname, '__retired_') and not attisdropped and relkind = 'r'
 union all
select 'relation ' || oid::regclass from pg_class where relnamespace = to_regnamespace('retired')
 union all
select 'type ' || oid::regtype from pg_type where typnamespace = to_regnamespace('retired')
"""
SOME = tuple(statement for statement in SCHOOL if statement.split()[2] in {"users", "subjects"})
"""Users and subjects, and nothing else."""


def test_an_empty_database_at_head_has_nothing_set_aside(database: Database) -> None:
    upgrade(database, "head")
    assert database.rows(ASIDE) == []
    assert database.value("select to_regnamespace('retired') is null") is True
    said = typed.ourschool(database, "status").stdout
    assert "retired" not in said
    assert "set aside" not in said
    assert "Nothing was set aside" in typed.ourschool(database, "purge", "--older-than", "0").stdout
    head = catalogue(database)
    downgrade(database, "base")
    assert database.value("select to_regclass('migration_definitions') is null") is True
    upgrade(database, "head")
    assert catalogue(database) == head


@pytest.mark.parametrize("rows", [(), SOME], ids=["no rows", "rows in some tables"])
def test_down_to_the_baseline_and_up_again_are_equal(scratch: Database, rows: tuple[str, ...]) -> None:
    upgrade(scratch, BASELINE)
    baseline = catalogue(scratch)
    scratch.execute(*rows)
    upgrade(scratch, "head")
    head = catalogue(scratch)
    downgrade(scratch, BASELINE)
    assert catalogue(scratch) == baseline
    upgrade(scratch, "head")
    assert catalogue(scratch) == head
    holding = {str(name) for (name,) in scratch.rows(ASIDE)}
    assert all("users" in name or "things" in name or "userrole" in name for name in holding), holding


@pytest.mark.long
@pytest.mark.parametrize("rows", [(), SOME], ids=["no rows", "rows in some tables"])
def test_each_revision_up_down_and_up_is_equal(database: Database, rows: tuple[str, ...]) -> None:
    upgrade(database, BASELINE)
    stops = {BASELINE: catalogue(database)}
    database.execute(*rows)
    for revision in CHAIN[1:]:
        upgrade(database, revision)
        stops[revision] = catalogue(database)
    for revision, before in zip(reversed(CHAIN), reversed(CHAIN[:-1]), strict=False):
        step_down(database, revision)
        assert catalogue(database) == stops[before], before
    for revision in CHAIN[1:]:
        upgrade(database, revision)
        assert catalogue(database) == stops[revision], revision


def test_adopted_at_a_revision_that_kept_texts_it_goes_down_all_the_same(scratch: Database) -> None:
    """S18: what the way down of 3f1c9a7d52e4 reads never was."""
    upgrade(scratch, "3f1c9a7d52e4")
    scratch.execute("drop schema if exists retired cascade")
    downgrade(scratch, BASELINE)
    with fresh(scratch.server) as other:
        upgrade(other, BASELINE)
        assert catalogue(scratch) == catalogue(other)


def test_an_existing_database_keeps_what_holds_rows_and_nothing_else(scratch: Database) -> None:
    make_existing(scratch)
    upgrade(scratch, "head")
    for (name,) in scratch.rows(
        "select oid::regclass::text from pg_class "
        "where relnamespace = 'retired'::regnamespace and relkind in ('r', 'v')"
    ):
        assert scratch.value(f"select exists (select from {name})") is True, name


def test_what_an_older_release_set_aside_empty_comes_back_and_is_nothing_to_look_at(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh(scratch.server) as other:
        upgrade(other, BASELINE)
        baseline = catalogue(other)
    with monkeypatch.context() as patch:
        patch.setattr("surefoot.environment.companion_sql.wrap_with_companions", lambda *_: None)
        for target in (BASELINE, "head"):  # in two, for by the snapshot nothing is set aside
            upgrade(scratch, target)
    assert scratch.value("select count(*) from retired.things") == 5
    assert "retired" not in typed.ourschool(scratch, "status").stdout
    head = catalogue(scratch)
    downgrade(scratch, BASELINE)
    assert catalogue(scratch) == baseline
    upgrade(scratch, "head")
    assert catalogue(scratch) == head
    assert scratch.rows(ASIDE) == []
