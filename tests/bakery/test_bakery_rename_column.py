"""A baker gives a column another name, and takes the old one away when nobody uses it any more."""

import json
from pathlib import Path

import pytest

from tests.support.bakery import HEAD, Baker, baker
from tests.support.databases import Database, fresh
from tests.support.servers import Server

UP = 'op.rename_column_online("recipes", "oven_id", "hearth_id")'
DOWN = 'op.undo_column_rename("recipes", "oven_id", "hearth_id")'


@pytest.fixture
def at_work(scratch: Database, tmp_path: Path) -> Baker:
    """Somebody in a bakery whose database is at head, and whose recipes have a hearth where they had an oven."""
    made = baker(scratch, tmp_path / "bread")
    made.alembic("upgrade", "head")
    made.database.execute("insert into ovens (name, degrees) values ('stone', 300), ('clay', 200)")
    made.change("bakery/models.py", "oven_id: Mapped", "hearth_id: Mapped")
    return made


def rename(at_work: Baker) -> str:
    """Write the revision that renames, and go there; return its id."""
    renames = at_work.write("ovens are hearths", UP, DOWN)
    at_work.alembic("upgrade", "head")
    at_work.database.execute(
        "insert into recipes (oven_id, title) values (1, 'rye')",
        "insert into recipes (hearth_id, title) values (2, 'oat')",
    )
    return renames


def test_from_the_hint_to_the_end_of_the_old_name(at_work: Baker) -> None:
    at_work.alembic("revision", "--autogenerate", "-m", "what is told")
    told = at_work.revision("what_is_told")
    assert UP in " ".join(told.read_text("utf-8").replace("#", "").split())
    told.unlink()
    (at_work.folder / "migrations" / "head.txt").write_text(f"{HEAD}\n", "utf-8")

    renames = rename(at_work)
    assert at_work.database.rows("select oven_id, hearth_id from recipes order by title") == [(2, 2), (1, 1)]
    end = f"op.end_column_rename('recipes', 'oven_id', 'hearth_id', since='{renames}')"
    named = f"recipes.oven_id, the old name of column hearth_id, since revision {renames}"
    status = " ".join(at_work.bakery("status").split())
    assert f"Old name {named}; {end} in a later" in status
    assert json.loads(at_work.bakery("status", "--json"))["old_names"] == [
        {"old": "oven_id", "new": "hearth_id", "revision": renames, "table": "recipes"}
    ]
    assert at_work.bakery("identify")

    said = " ".join(at_work.alembic("revision", "--autogenerate", "-m", "names of the rules").split())
    assert f"Alive: {named}. In a revision of its own {end}" in said
    rules = at_work.revision("names_of_the_rules").read_text("utf-8")
    assert "alter table recipes rename constraint fk_recipes_oven_id_ovens to fk_recipes_hearth_id_ovens" in rules or (
        "fk_recipes_hearth_id" in rules
    )
    assert "__old_name" not in rules
    at_work.say_why("names_of_the_rules")
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")
    status = " ".join(at_work.bakery("status").split())
    assert "Drift none" in status

    ends = at_work.write("nobody says ovens", end, end.replace("end_", "resume_"))
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")
    assert "Old name" not in at_work.bakery("status")
    assert "old-name-taken-away" in at_work.bakery("lint", ends, status=1)
    at_work.change(f"migrations/versions/{at_work.revision('nobody_says_ovens').name}", end,
                   f"{end}  # lint: old-name-taken-away nobody names it since the spring release")  # fmt: skip
    at_work.bakery("lint", ends)
    at_work.alembic("downgrade", "-1")
    assert "Drift none" in " ".join(at_work.bakery("status", status=1).split())
    assert at_work.database.rows("select oven_id, hearth_id from recipes order by title") == [(2, 2), (1, 1)]
    at_work.alembic("downgrade", HEAD)
    assert at_work.database.rows("select oven_id from recipes order by title") == [(2,), (1,)]


@pytest.mark.long
def test_proven_rehearsed_backed_up_and_restored_in_the_middle(at_work: Baker) -> None:
    renames = rename(at_work)
    at_work.alembic("revision", "--autogenerate", "-m", "names of the rules")
    at_work.say_why("names_of_the_rules")
    rules = at_work.revision("names_of_the_rules").name.split("-")[1].split("_")[0]
    end = f'op.end_column_rename("recipes", "oven_id", "hearth_id", since="{renames}")'
    ends = at_work.write("nobody says ovens", f"{end}  # lint: old-name-taken-away it is a test",
                 end.replace("end_", "resume_"))  # fmt: skip
    for each in (renames, rules, ends):
        proof = json.loads(at_work.bakery("prove", "--json", each))
        assert proof["holds"], proof
    at_work.bakery("rehearse", "--fresh")
    at_work.bakery("backup")
    at_work.bakery("restore", "latest", "--yes", "--in-place")
    assert "old name of column hearth_id" in at_work.bakery("status", status=1)
    at_work.database.execute("insert into recipes (oven_id, title) values (2, 'spelt')")
    assert at_work.database.value("select hearth_id from recipes where title = 'spelt'") == 2
    at_work.alembic("upgrade", "head")


def test_released_with_its_old_name_alive_it_is_built_by_the_snapshot(at_work: Baker, newest: Server) -> None:
    """And the way down from there, past the rename, and up again by the revisions with their list of names."""
    renames = rename(at_work)
    at_work.alembic("revision", "--autogenerate", "-m", "names of the rules")
    at_work.say_why("names_of_the_rules")
    at_work.bakery("rebase")  # both were written in one minute
    assert "Released:" in at_work.bakery("check", "--release")
    with fresh(newest) as empty:
        elsewhere = Baker(empty, at_work.folder)
        elsewhere.alembic("upgrade", "head")
        status = " ".join(elsewhere.bakery("status").split())
        assert "Drift none" in status
        assert f"Old name recipes.oven_id, the old name of column hearth_id, since revision {renames}" in status
        empty.execute("insert into ovens (name, degrees) values ('stone', 300)")
        empty.execute("insert into recipes (oven_id, title) values (1, 'rye')")
        assert empty.value("select hearth_id from recipes") == 1
        elsewhere.alembic("downgrade", HEAD)
        assert empty.rows("select oven_id from recipes") == [(1,)]
        elsewhere.alembic("upgrade", "head")
        assert empty.rows("select oven_id, hearth_id from recipes") == [(1, 1)]
