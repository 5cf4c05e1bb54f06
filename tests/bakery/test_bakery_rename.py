"""A baker gives a table another name, and takes the old one away when nobody uses it any more."""

import json
from pathlib import Path

import pytest

from tests.support.bakery import HEAD, Baker, baker
from tests.support.databases import Database, fresh
from tests.support.servers import Server


@pytest.fixture
def at_work(scratch: Database, tmp_path: Path) -> Baker:
    """Somebody in a bakery whose database is at head, and whose models have hearths where there were ovens."""
    made = baker(scratch, tmp_path / "bread")
    made.alembic("upgrade", "head")
    made.change("bakery/models.py", '__tablename__ = "ovens"', '__tablename__ = "hearths"')
    made.change("bakery/models.py", 'ForeignKey("ovens.id")', 'ForeignKey("hearths.id")')
    return made


def test_from_the_hint_to_the_end_of_the_old_name(at_work: Baker) -> None:
    at_work.alembic("revision", "--autogenerate", "-m", "what is told")
    told = at_work.revision("what_is_told")
    assert 'op.rename_table_online("ovens", "hearths")' in told.read_text("utf-8")
    told.unlink()
    (at_work.folder / "migrations" / "head.txt").write_text(f"{HEAD}\n", "utf-8")

    renames = at_work.write(
        "ovens are hearths",
        'op.rename_table_online("ovens", "hearths")', 'op.undo_table_rename("ovens", "hearths")',
    )  # fmt: skip
    at_work.alembic("upgrade", "head")
    at_work.database.execute("insert into ovens (name, degrees) values ('stone', 300)")
    end = f"op.end_table_rename('ovens', 'hearths', since='{renames}')"
    status = " ".join(at_work.bakery("status").split())
    assert f"Old name ovens, the old name of table hearths, since revision {renames}; {end} in a later" in status
    assert json.loads(at_work.bakery("status", "--json"))["old_names"] == [
        {"old": "ovens", "new": "hearths", "revision": renames}
    ]

    said = " ".join(at_work.alembic("revision", "--autogenerate", "-m", "names of the rules").split())
    assert (
        f"Alive: ovens, the old name of table hearths, since revision {renames}. In a revision of its own {end}" in said
    )
    rules = at_work.revision("names_of_the_rules").read_text("utf-8")
    assert "alter table hearths rename constraint pk_ovens to pk_hearths" in rules
    assert "view" not in rules
    at_work.say_why("names_of_the_rules")
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")

    ends = at_work.write("nobody says ovens", end, end.replace("end_", "resume_"))
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")
    assert "Old name" not in at_work.bakery("status")
    assert at_work.database.value("select to_regclass('ovens')") is None
    assert "old-name-taken-away" in at_work.bakery("lint", ends, status=1)
    at_work.change(f"migrations/versions/{at_work.revision('nobody_says_ovens').name}", end,
                   f"{end}  # lint: old-name-taken-away nobody names it since the spring release")  # fmt: skip


@pytest.mark.long
def test_proven_rehearsed_backed_up_and_restored_in_the_middle(at_work: Baker) -> None:
    renames = at_work.write(
        "ovens are hearths",
        'op.rename_table_online("ovens", "hearths")', 'op.undo_table_rename("ovens", "hearths")',
    )  # fmt: skip
    at_work.alembic("upgrade", "head")
    at_work.database.execute("insert into ovens (name, degrees) values ('stone', 300)")
    at_work.alembic("revision", "--autogenerate", "-m", "names of the rules")
    at_work.say_why("names_of_the_rules")
    rules = at_work.revision("names_of_the_rules").name.split("-")[1].split("_")[0]
    end = f'op.end_table_rename("ovens", "hearths", since="{renames}")'
    ends = at_work.write("nobody says ovens", f"{end}  # lint: old-name-taken-away it is a test",
                 end.replace("end_", "resume_"))  # fmt: skip
    for each in (renames, rules, ends):
        proof = json.loads(at_work.bakery("prove", "--json", each))
        assert proof["holds"], proof
    at_work.bakery("rehearse", "--fresh")
    at_work.alembic("upgrade", "head")
    at_work.alembic("downgrade", HEAD)
    assert at_work.database.rows("select name from ovens") == [("stone",)]
    at_work.alembic("upgrade", renames)
    at_work.bakery("backup")
    at_work.bakery("restore", "latest", "--yes", "--in-place")
    assert "old name of table hearths" in at_work.bakery("status", status=1)
    at_work.database.execute("insert into ovens (name, degrees) values ('clay', 200)")
    assert at_work.database.value("select count(*) from hearths") == 2
    at_work.alembic("upgrade", "head")


def test_released_with_its_old_name_alive_it_is_built_by_the_snapshot(at_work: Baker, newest: Server) -> None:
    """And the way down from there, past the rename, and up again by the revisions with their list of names."""
    renames = at_work.write(
        "ovens are hearths",
        'op.rename_table_online("ovens", "hearths")', 'op.undo_table_rename("ovens", "hearths")',
    )  # fmt: skip
    at_work.alembic("upgrade", "head")
    at_work.alembic("revision", "--autogenerate", "-m", "names of the rules")
    at_work.say_why("names_of_the_rules")
    at_work.bakery("rebase")  # both were written in one minute
    said = at_work.bakery("check", "--release")
    assert "Released:" in said
    assert (at_work.folder / "migrations" / "snapshot.sql").exists()
    with fresh(newest) as empty:
        elsewhere = Baker(empty, at_work.folder)
        elsewhere.alembic("upgrade", "head")
        status = " ".join(elsewhere.bakery("status").split())
        assert "Drift none" in status
        assert f"Old name ovens, the old name of table hearths, since revision {renames}" in status
        empty.execute("insert into ovens (name, degrees) values ('stone', 300)")
        elsewhere.alembic("downgrade", HEAD)
        assert empty.rows("select name from ovens") == [("stone",)]
        elsewhere.alembic("upgrade", "head")
        assert empty.rows("select name from ovens") == [("stone",)]
