"""The first line of a command names its database, and the last ones of an upgrade repeat what it warned of."""

from pathlib import Path

from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import write

WARNS = "op.execute(\"do $$ begin raise warning 'terms: % rows are in retired.terms_x', 3; end $$\")"
REPEATED = ["1 warning of this run:", "  terms: 3 rows are in retired.terms_x"]


def without_time(text: str) -> list[str]:
    """The lines of a log without their time and level."""
    return [line.partition("INFO    ")[2] or line for line in text.splitlines()]


def test_the_guarded_upgrade(at_head: Database, project: Path) -> None:
    write(project, "more", upgrade=WARNS)
    done = ourschool(at_head, "upgrade", "--yes", "--no-backup", cwd=project)
    assert done.stdout.splitlines()[-2:] == REPEATED
    assert done.stderr.splitlines()[0].startswith(f"Database {at_head.url.database} at ")


def test_alembic(at_head: Database, project: Path) -> None:
    write(project, "more", upgrade=WARNS)
    said = without_time(at_head.alembic("upgrade", "head", cwd=project).stderr)
    assert said[-2:] == REPEATED
    assert said[0].startswith(f"Database {at_head.url.database} at ")
    assert said[0].endswith(" (URL from the environment).")


def test_where_the_url_comes_from(at_head: Database, project: Path) -> None:
    url = at_head.url.render_as_string(False)
    (project / ".env").write_text(f"DATABASE_URL={url}\n")
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    said = ourschool(at_head, "history", "--database-url", url, cwd=project, env=environment).stderr
    assert said.endswith("(URL from --database-url).\n")


def test_what_a_program_of_others_prints_stays_its_own(at_head: Database) -> None:
    done = ourschool(at_head, "psql", "-Atc", "select 1")
    assert (done.stdout, done.stderr) == ("1\n", "")
