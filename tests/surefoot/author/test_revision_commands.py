"""`ourschool new`, `prove` and `check`, as an author types them in a project whose models changed."""

import json
from pathlib import Path

import pytest

from tests.ourschool.history.schools import CHAIN, HEAD
from tests.support.databases import ROOT, Database
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import released
from tests.surefoot.online.harness import write

CATEGORIES = """
sa.Table(
    "categories", metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, unique=True),
)
"""
AVATAR = 'metadata.tables["users"].append_column(sa.Column("avatar_url", sa.Text(), comment="Where the picture is"))'

MODELS = "import sqlalchemy as sa\nfrom ourschool.models import metadata\n"


def models(project: Path, *changes: str) -> None:
    """The project's env.py sees the models changed."""
    env = project / "alembic" / "env.py"
    text = (ROOT / "alembic" / "env.py").read_text("utf-8")
    found = "door.main("
    assert found in text
    once = ["if not metadata.info:", "metadata.info['changed'] = True", *"\n".join(changes).splitlines()]
    env.write_text(text.replace(found, MODELS + "\n    ".join(once) + f"\n{found}", 1), "utf-8")


def versions(project: Path) -> set[str]:
    return {path.name for path in (project / "alembic" / "versions").glob("*.py")}


@pytest.mark.promise("A2", "A10")
def test_each_change_becomes_a_proven_revision(scratch: Database, project: Path) -> None:
    """The guide's examples, one on the other: a table, a longer text, a column. The database itself is not asked."""
    changed = CATEGORIES
    models(project, changed)
    for message in ("add categories", "longer names of categories", "add avatar_url to users"):
        before = versions(project)
        done = ourschool(scratch, "new", message, cwd=project)
        (file,) = versions(project) - before
        assert message.replace(" ", "_") in file
        for step in (
            "up (",
            "down (",
            "up again (",
            "up with rows (",
            "down with rows (",
            "up again with rows (",
            "down with rows that came since (",
            "lint (",
        ):
            assert f"  ok    {step}" in done.stdout
        assert "Proven." in done.stdout
        assert "left  Why of the docstring is still the template's: Why: what needs this" in done.stdout
        changed = changed.replace("String(50)", "String(100)") if "50" in changed else f"{changed}\n{AVATAR}"
        models(project, changed)
    assert scratch.value("select to_regclass('alembic_version') is null") is True


@pytest.mark.promise("A2", "O2")
def test_no_file_where_nothing_changed(scratch: Database, project: Path) -> None:
    before = versions(project)
    done = ourschool(scratch, "new", "nothing to see", cwd=project)
    assert done.stdout == "Models and revisions agree: no file was written.\n"
    assert versions(project) == before


@pytest.mark.promise("A2")
def test_what_only_its_author_can_fill_in_is_not_proven(scratch: Database, project: Path) -> None:
    models(project, 'metadata.tables["users"].append_column(sa.Column("house", sa.Text(), nullable=False))')
    before = versions(project)
    done = ourschool(scratch, "new", "add house to users", status=1, cwd=project)
    (file,) = versions(project) - before
    assert "  wrong up (" in done.stdout
    assert "Not proven: mend the file, then ourschool prove" in done.stdout
    path = project / "alembic" / "versions" / file
    text = path.read_text("utf-8")
    assert "op.fill_in(" in text
    revision = file.split("-")[1].split("_")[0]
    told = json.loads(ourschool(scratch, "prove", revision, "--json", status=1, cwd=project).stdout)
    assert (told["revision"], told["holds"], len(told["steps"])) == (revision, False, 1)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("op.create_table('things', sa.Column('id', sa.BigInteger, primary_key=True))", "  wrong down ("),
        ("op.execute('select 1 / 0')", "  wrong up ("),
    ],
)
def test_a_revision_that_does_not_hold_is_told(scratch: Database, project: Path, body: str, wrong: str) -> None:
    (project / "alembic" / "versions" / "2099_01_01_0000-aaaa_a_bad_one.py").write_text(
        f'"""a bad one"""\nimport sqlalchemy as sa\nfrom alembic import op\nrevision = "aaaa"\n'
        f'down_revision = "{HEAD}"\n'
        f"branch_labels = None\ndepends_on = None\n\n\ndef upgrade():\n    {body}\n\n\ndef downgrade():\n    pass\n"
    )
    done = ourschool(scratch, "prove", "aaaa", status=1, cwd=project)
    assert wrong in done.stdout


STUFF = """
op.create_table(
    "stuff",
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("a", sa.Integer),
    sa.Column("note", sa.String(50), nullable=False),
    sa.CheckConstraint("note in ('', 'one', 'ONE', 'two')", name="note"),
)
"""
ON_ROWS = {
    "values that a way down loses": (
        'op.execute("update stuff set a = null where a is not null")',
        "pass",
        "down with rows",
        "stuff.a: the values are not as they were",
    ),
    "a way down that fails over rows": (
        'op.alter_column("stuff", "a", type_=sa.Text())',
        "op.execute('alter table stuff alter column a type integer using (a::integer / (a::integer - a::integer))')",
        "down with rows",
        "division by zero",
    ),
    "a way down that is refused half-way": (
        'op.drop_constraint_online("stuff_note_check", "stuff")',
        'op.get_bind()\nop.create_index_online("x", "stuff", ["a"])\n'
        "op.add_check_online(\"stuff_note_check\", \"stuff\", \"note in ('', 'one', 'ONE', 'two')\")\n"
        'op.drop_index_online("x")',
        "down with rows that came since",
        "and yet: index x on stuff: unexpected",
    ),
    "a table that takes no rows": (
        'op.execute("comment on table stuff is \'touched\'")',
        'op.execute("comment on table stuff is null")',
        "up with rows",
        "stuff: not proven on rows, for none could be made that its rules take",
    ),
    "an upgrade that no row survives": (
        'op.add_check_online("never", "stuff", "id < 0")',
        'op.drop_constraint_online("never", "stuff")',
        "up with rows",
        "stuff: not proven on rows",
    ),
}  # fmt: skip
NO_ROWS = """
op.execute("create function no() returns trigger language plpgsql as 'begin raise exception ''no''; end'")
op.execute("create trigger no before insert on stuff for each row execute function no()")
"""


@pytest.mark.promise("A2", "T3")
@pytest.mark.parametrize(("up", "down", "wrong", "why"), ON_ROWS.values(), ids=ON_ROWS)
def test_what_only_rows_show_is_told(  # noqa: PLR0917
    scratch: Database, project: Path, up: str, down: str, wrong: str, why: str
) -> None:
    stuff = STUFF + (NO_ROWS if "not proven" in why else "")
    for revision, below, bodies in (("aaaa", HEAD, (stuff, 'op.drop_table("stuff")')), ("bbbb", "aaaa", (up, down))):
        write(project, revision, below, *bodies)
        file = next((project / "alembic" / "versions").glob(f"*{revision}*"))
        file.rename(file.with_name(f"2099_01_01_0000-{revision}_of_a_test.py"))
    done = ourschool(scratch, "prove", "bbbb", "--json", status=1, cwd=project)
    found = {step["what"]: step["problems"] for step in json.loads(done.stdout)["steps"]}
    assert any(why in problem for problem in found.get(wrong, ())), json.dumps(found, indent=1)


def test_there_is_no_such_revision(scratch: Database, project: Path) -> None:
    assert "There is no revision 'nope'" in ourschool(scratch, "prove", "nope", status=2, cwd=project).stderr


@pytest.mark.promise("C9", "T3", "T7")
def test_check_of_the_project_itself(scratch: Database) -> None:
    done = ourschool(scratch, "check", "--json", cwd=ROOT)
    outcomes = json.loads(done.stdout)
    assert [outcome["problems"] for outcome in outcomes] == [[]] * 7


@pytest.mark.promise("C9")
def test_check_finds_what_is_wrong(scratch: Database, project: Path) -> None:
    """A released file changed, another gone, one that the journal has otherwise, one the text does not list."""
    folder = project / "alembic"
    scratch.alembic("upgrade", CHAIN[1], cwd=project)
    lines = [f"{CHAIN[0]} {'0' * 64}", f"gone {'1' * 64}", *released(project)[1:-1]]
    (folder / "released.txt").write_text("\n".join(["# released", *lines]) + "\n")
    changed = next((folder / "versions").glob(f"*{CHAIN[1]}*"))
    changed.write_text(changed.read_text("utf-8") + "\n", "utf-8")
    (project / "docs").mkdir(exist_ok=True)
    page = (ROOT / "docs" / "revisions.md").read_text("utf-8")
    (project / "docs" / "revisions.md").write_text(page.replace(f"`{HEAD}`", "-"))
    models(project, AVATAR)
    done = ourschool(scratch, "check", status=1, cwd=project)
    assert f"{CHAIN[0]} was released and its file changed since" in done.stdout
    assert "gone was released and is gone" in done.stdout
    assert f"{CHAIN[1]} ran here on " in done.stdout
    assert f"{HEAD} (" in done.stdout
    assert "column users.avatar_url: missing" in done.stdout


@pytest.mark.promise("C9", "E3")
def test_check_finds_a_broken_history(scratch: Database, project: Path) -> None:
    (project / "alembic" / "versions" / "2099_01_01_0000-aaaa_another.py").write_text(
        f'"""another"""\nrevision = "aaaa"\ndown_revision = "{CHAIN[-2]}"\nbranch_labels = None\ndepends_on = None\n'
    )
    done = ourschool(scratch, "check", status=1, cwd=project)
    assert f"2 heads: {', '.join(sorted(['aaaa', HEAD]))}." in done.stdout
    assert "lint" not in done.stdout, "what needs a sound history is left out"


@pytest.mark.promise("C9", "E3")
def test_check_names_a_file_that_cannot_be_read_and_what_to_do(scratch: Database, project: Path) -> None:
    models(project, "x = = 1")
    env = project / "alembic" / "env.py"
    done = ourschool(scratch, "check", status=2, cwd=project)
    assert f"The file {env}, line " in done.stderr
    assert "is not Python: invalid syntax.\n→ Mend that line and run the same command again" in done.stderr
    broken = project / "alembic" / "versions" / "2099_01_01_0000-two_more.py"
    for text, why in (
        ("x = = 1\n", "line 1, is not Python: invalid syntax."),
        ("1 / 0\n", "line 1, cannot be loaded: ZeroDivisionError: division by zero."),
    ):
        broken.write_text(text)
        done = ourschool(scratch, "check", status=1, cwd=project)
        assert f"The revision file {broken}, {why} → Mend that line" in done.stdout


@pytest.mark.promise("C9")
def test_what_is_released_is_listed(scratch: Database, project: Path) -> None:
    (project / "alembic" / "released.txt").write_text("\n".join(released(project)[:-1]) + "\n")
    done = ourschool(scratch, "check", "--release", cwd=project)
    assert f"Released: {HEAD}." in done.stdout
    lines = (project / "alembic" / "released.txt").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in lines if not line.startswith("#")] == list(CHAIN)
    assert scratch.rows("select 1 from pg_class where relname = 'alembic_version'") == []


@pytest.mark.long
def test_what_was_released_before_is_not_released_again(scratch: Database, project: Path) -> None:
    assert "nothing that was not before" in ourschool(scratch, "check", "--release", cwd=project).stdout
