"""`ourschool rehearse` as an operator types it: what it shows and keeps, and that nothing of the copy stays."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.operate.backup import backup
from surefoot.operate.rehearse.copy_database import exclusive
from surefoot.operate.rehearse.copy_source import RehearsalOptions, choose_backup
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.settings import Settings
from tests.ourschool.history.schools import make_existing
from tests.support import json_shapes
from tests.support.databases import Database
from tests.support.servers import Server
from tests.support.typed import ourschool, too_wide
from tests.surefoot.commands.revisions import BASELINE, CHAIN, write
from tests.surefoot.operate.backup import schools
from tests.surefoot.operate.rehearse.conftest import SMALL

SLEEP = "op.execute('select pg_sleep(60) from (select from users limit 1) as one')"
"""Where there are rows: what is built without any, to know the names that the revision makes, has none."""
PASSWORD = "p%41 w@rd:geheim"


def copies(database: Database) -> list[str]:
    """Scratch databases of rehearsals on the server."""
    found = database.rows("select datname from pg_database where datname like 'ourschool\\_rehearse%'")
    return [str(name) for (name,) in found]


@pytest.mark.promise("O12", "E10")
def test_the_whole_way_of_an_existing_database(scratch: Database, tmp_path: Path) -> None:
    make_existing(scratch, SMALL)
    before = schools.state_of(scratch)
    env = {"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}
    done = ourschool(scratch, "rehearse", env=env)
    assert too_wide(done.stdout) == []
    said = " ".join(done.stdout.split())
    assert f"from {BASELINE} to {CHAIN[-1]}" in said
    assert [line.split()[0] for line in done.stdout.splitlines() if line[:12] in CHAIN] == list(CHAIN[1:])
    assert re.search(r"The upgrade takes about [\d.]+ \w+; nobody waits longer than [\d.]+ m?s \(", said)
    assert "brings every value back." in said
    assert schools.state_of(scratch) == before
    assert (copies(scratch), list((tmp_path / "backups").glob("*"))) == ([], [])

    written = sorted((tmp_path / "rehearsals").iterdir())
    assert [(path.suffix, path.stat().st_mode & 0o777) for path in written] == [(".json", 0o600), (".md", 0o600)]
    told = json.loads(written[0].read_text("utf-8"))
    assert json_shapes.faults(["rehearse"], written[0].read_text("utf-8")) == []
    assert [each["revision"] for each in told["revisions"]] == list(CHAIN[1:])
    assert all(each["seconds"] > 0 for each in told["revisions"])
    assert (told["holds"], told["problems"], told["way_back"]["lost"]) == (True, [], [])
    assert f"| `{CHAIN[1]}` | users | ACCESS EXCLUSIVE |" in written[1].read_text("utf-8")

    on = told["started_at"][:10]
    said = " ".join(ourschool(scratch, "status", status=1, env=env).stdout.split())
    assert said.count(f"s in the rehearsal of {on}") == len(CHAIN) - 1
    said = ourschool(scratch, "upgrade", says="n\n", status=3, env=env).stdout
    assert f"s in the rehearsal of {on})" in said


def test_what_went_wrong_is_one_sentence_and_status_1(school: Database, project: Path) -> None:
    path = write(project, "bad1", upgrade="op.execute('delete from journal_entries where id < 20')")
    pages = ("--report", "kept.md", "--html", "kept.html")
    done = ourschool(school, "rehearse", "--json", *pages, cwd=project, status=1)
    told = json.loads(done.stdout)
    assert told["holds"] is False
    assert "journal_entries had 150 rows" in done.stderr
    assert "the real database was not touched" in " ".join(done.stderr.split())
    pending = json.loads(ourschool(school, "status", "--json", cwd=project, status=1).stdout)["pending"]
    on = told["started_at"][:10]
    assert pending[0]["rehearsed"] == {"seconds": told["revisions"][0]["seconds"], "on": on}
    assert "## To be corrected before the upgrade" in (project / "kept.md").read_text("utf-8")
    page = (project / "kept.html").read_text("utf-8")
    assert "<h2>To be corrected before the upgrade</h2>" in page
    (changed,) = (each for each in told["revisions"][0]["changed"] if each["table"] == "journal_entries")
    row = page.split("<code>journal_entries</code>")[1].split("</tr>")[0]
    assert f">{changed['deleted']:,}<" in row
    for name in ("kept.md", "kept.html"):
        assert (project / name).stat().st_mode & 0o777 == 0o600

    path.write_text(path.read_text("utf-8").replace("journal_entries", "absent"), "utf-8")
    done = ourschool(school, "rehearse", cwd=project, status=1)
    assert (
        'Revision bad1 failed on the copy, and the real database was not touched: upgrade bad1 failed: relation "'
        in (done.stderr)
    )
    assert "Do not upgrade yet: revision bad1 failed on the copy" in " ".join(done.stdout.split())
    pending = json.loads(ourschool(school, "status", "--json", cwd=project, status=1).stdout)["pending"]
    assert pending[0]["rehearsed"] is None, "what was measured of another text is not true any more"
    assert copies(school) == []


def test_a_place_where_no_page_can_be_is_told_before_anything_runs(school: Database, project: Path) -> None:
    write(project, "slow1", upgrade=SLEEP)
    (project / "pages").mkdir()
    for command in ("rehearse", "history", "status"):
        done = ourschool(school, command, "--html", "pages", cwd=project, status=2)
        assert f"{project / 'pages'} is a folder." in done.stderr
        assert done.stdout == ""


def test_nothing_pending_is_nothing_to_do(school: Database, project: Path) -> None:
    assert "Nothing to rehearse" in ourschool(school, "rehearse", cwd=project).stdout
    assert json.loads(ourschool(school, "rehearse", "--json", cwd=project).stdout)["revisions"] == []
    assert "There is no revision" in ourschool(school, "rehearse", "nonesuch", cwd=project, status=2).stderr
    assert (
        "two sources"
        in ourschool(school, "rehearse", BASELINE, "--fresh", "--backup", "x", cwd=project, status=2).stderr
    )
    assert not (project / "rehearsals").exists()


def test_what_an_upgrade_would_refuse_is_refused(school: Database, project: Path) -> None:
    school.execute("update alembic_version set version_num = 'fffff0000000'")
    assert "which no file in" in ourschool(school, "rehearse", cwd=project, status=3).stderr
    school.execute("drop table alembic_version")
    assert "python -m ourschool adopt" in ourschool(school, "rehearse", cwd=project, status=3).stderr
    assert not (project / "rehearsals").exists()


def test_the_last_backup_is_taken_where_it_will_do(school: Database, settings: Settings) -> None:
    def source(*asked: object) -> tuple[bool, str]:
        with exclusive(school.url, lambda _: None) as connection:
            wanted = RehearsalOptions("head", *asked)  # type: ignore[arg-type]
            with choose_backup(settings, school.url, connection, wanted, lambda _: None) as (made, told):
                assert made.dump.exists()
                assert made.name == told.name
                return told.fresh, told.why

    assert source() == (True, f"there is no backup of {school.url.database}")
    made = backup(settings, school.url)
    assert source()[0] is False
    assert source(None, True) == (True, "it was asked for")
    assert source(made.name) == (False, "it was asked for")
    school.execute("update alembic_version set version_num = 'cd0edd614cc5'")
    assert source()[1].startswith("the last backup is of revision d870f86ab19d, not of cd0edd614cc5")
    school.execute("update alembic_version set version_num = 'd870f86ab19d'")
    next(made.dump.glob("*.dat*")).write_bytes(b"")
    assert source() == (True, f"the last backup, {made.name}, is damaged")
    assert [path.name for path in settings.backup_folder.iterdir()] == [made.name]


def test_a_backup_of_an_older_revision_is_rehearsed_from_there(school: Database, settings: Settings) -> None:
    school.alembic("downgrade", CHAIN[-3])
    made = backup(settings, school.url)
    school.alembic("upgrade", "head")
    found = rehearse(settings, school.url, RehearsalOptions(backup=made.name), say=lambda _: None)
    assert found is not None
    assert [each.revision for each in found.revisions] == list(CHAIN[-2:])
    assert found.at == (CHAIN[-3],)
    assert found.holds


@pytest.fixture
def locked(newest: Server, school: Database) -> Iterator[Database]:
    """The school as its owner sees it, who may create no database, with a password."""
    with newest.connect() as admin:
        admin.execute(sql.SQL("create role visitor login password {}").format(sql.Literal(PASSWORD)))
        admin.execute("grant pg_read_all_data to visitor")
    tables = [name for (name,) in school.rows("select tablename from pg_tables where schemaname = 'public'")]
    school.execute(*(f"alter table {table} owner to visitor" for table in tables))
    yield replace(school, url=newest.over_tcp("visitor", PASSWORD, str(school.url.database)))
    school.execute("reassign owned by visitor to postgres", "drop owned by visitor")
    with newest.connect() as admin:
        admin.execute("drop role visitor")


@pytest.mark.promise("O5")
def test_a_role_without_databases_rehearses_on_an_embedded_server(locked: Database, project: Path) -> None:
    write(project, "good", upgrade="op.execute('update users set last_name = last_name')")
    done = ourschool(locked, "rehearse", cwd=project)
    assert "in an embedded server of its own" in " ".join(done.stdout.split())
    written = [path.read_text("utf-8") for path in (project / "rehearsals").iterdir()]
    assert len(written) == 2
    for text in (done.stdout, done.stderr, *written):
        assert not any(part in text for part in ("geheim", "w%40rd", "w@rd"))


def started(school: Database, project: Path) -> subprocess.Popen[str]:
    """A rehearsal in whose copy a revision sleeps."""
    running = schools.start(school, project, "rehearse")
    until = time.monotonic() + 60
    while not school.value(
        "select count(*) from pg_stat_activity where query like 'select pg_sleep(60) from%' and state = 'active'"
    ):
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.1)
    return running


def test_ended_by_hand_nothing_stays_and_killed_the_next_one_clears_up(school: Database, project: Path) -> None:
    path = write(project, "slow", upgrade=SLEEP)
    before = schools.state_of(school)
    for how in (signal.SIGINT, signal.SIGTERM):
        running = started(school, project)
        assert len(copies(school)) == 1
        if how is signal.SIGINT:
            with pytest.raises(RefusedError, match="Another rehearsal"), exclusive(school.url, lambda _: None):
                pass
        running.send_signal(how)
        said = running.communicate(timeout=60)[0]
        assert "Traceback" not in said
        assert "failed on the copy" not in said, "the revision is not to blame"
        assert running.returncode not in {0, None}
        assert not (project / "rehearsals").exists()
        assert (copies(school), list((project / "backups").iterdir())) == ([], [])

    running = started(school, project)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    (left,) = copies(school)
    assert len(list((project / "backups").iterdir())) == 1
    path.write_text(path.read_text("utf-8").replace("pg_sleep(60)", "1"), "utf-8")
    assert f"Dropping {left}, left by a rehearsal that was killed" in ourschool(school, "rehearse", cwd=project).stderr
    assert (copies(school), list((project / "backups").iterdir())) == ([], [])
    assert schools.state_of(school) == before
