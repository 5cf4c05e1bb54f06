"""status: revision, pending, drift, who migrates, the last backup; exit status 1 when behind or drifted."""

import datetime as dt
import json
import time
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.operate.status.collect import State, Status, status
from tests.support.databases import ROOT, Database
from tests.support.servers import Server
from tests.support.typed import ourschool, too_wide
from tests.surefoot.commands.revisions import CHAIN, HEAD, write


def looked(database: Database) -> Status:
    chosen = settings.load(PROJECT.at(ROOT), database_url=database.url.render_as_string(False), environ={})
    return status(chosen, database.url)


@pytest.mark.promise("A3")
def test_at_head_all_is_well(current: Database) -> None:
    done = ourschool(current, "status")
    lines = done.stdout.splitlines()
    assert lines[1].startswith(f"Revision  {HEAD}  ")
    assert "Pending   nothing" in lines
    assert "Drift     none: the database is what its revision makes" in lines
    assert "Migrating nobody" in lines
    assert "Backup    none found" in lines
    assert done.stderr == ""


@pytest.mark.promise("A3", "E2")
def test_behind_it_lists_what_is_pending_and_why(behind: Database) -> None:
    done = ourschool(behind, "status", status=1)
    assert f"Revision  {CHAIN[2]}  naive timestamps are UTC and say so" in done.stdout
    assert f"Pending   {len(CHAIN) - 3} revisions\n  {CHAIN[3]}  server defaults for flags" in done.stdout
    assert "      what the application filled in by itself, the database did not" in done.stdout
    assert "when it ran here before" in done.stdout
    remedy = "python -m ourschool rehearse tries it on a copy; upgrade does it."
    assert done.stderr == f"ourschool: The database is behind.\n→ {remedy}\n"
    assert too_wide(done.stdout) == []


@pytest.mark.promise("A3", "E2")
def test_as_json(behind: Database) -> None:
    told = json.loads(ourschool(behind, "status", "--json", "--tables", "--history", status=1).stdout)
    assert (told["state"], told["revision"], told["heads"]) == ("behind", [CHAIN[2]], [HEAD])
    assert [each["revision"] for each in told["pending"]] == list(CHAIN[3:])
    before, after = told["pending"][:2]
    assert before["took"] > 0
    assert after["took"] is None
    assert (before["online"], after["online"]) == (False, True)
    assert after["why"].startswith("a flag that is NULL")
    assert after["locks"].startswith("rows while their batch")
    assert told["drift"] == {"looked": True, "unseen": None, "deviations": []}
    assert told["tables"]["terms"]["name"] == "character varying not null"
    assert told["history"][0]["revision"] == HEAD


@pytest.mark.promise("T7", "T8")
def test_drift_is_named_at_head_and_behind_it(current: Database, behind: Database) -> None:
    for database, revision in ((current, HEAD), (behind, CHAIN[2])):
        database.execute("alter table terms add constraint own check (term_order > -9)")
        done = ourschool(database, "status", status=1)
        assert f"Drift     1 deviation from revision {revision}\n  constraint own on terms: unexpected" in done.stdout
    assert "is not what its revision makes" in done.stderr


def test_the_states_a_database_may_be_in(scratch: Database, current: Database) -> None:
    assert looked(scratch).state is State.EMPTY
    scratch.execute("create table pupils (id integer)")
    assert looked(scratch).state is State.UNVERSIONED
    assert looked(current).state is State.CURRENT
    current.execute("update alembic_version set version_num = 'fffff0000000'")
    found = looked(current)
    assert (found.state, found.revisions.unknown) == (State.UNKNOWN, ("fffff0000000",))
    done = ourschool(current, "status", status=1)
    assert "no file has it" in done.stdout
    assert "ourschool identify" in done.stderr


def test_who_is_migrating_now_is_named_and_nobody_waits_long(behind: Database) -> None:
    with behind.connect() as holding:
        holding.execute("lock table terms in access exclusive mode")
        running = behind.start("upgrade", "head")
        try:
            until = time.monotonic() + 60
            while (found := looked(behind)).migrating is None and time.monotonic() < until:
                assert running.poll() is None
            assert "application ourschool migrate" in str(found.migrating)
            assert found.drift.not_compared == "somebody holds a table"
        finally:
            holding.rollback()
            assert running.communicate(timeout=120)[0] is not None
    assert looked(behind).migrating is None


def test_it_changes_nothing(current: Database) -> None:
    everything = (
        "select c.oid, relname, relfilenode, nspname from pg_class c join pg_namespace n on n.oid = relnamespace"
    )
    before = current.rows(f"{everything} order by 1"), current.rows("select * from migration_journal")
    looked(current)
    assert (current.rows(f"{everything} order by 1"), current.rows("select * from migration_journal")) == before


def test_a_role_that_may_only_look_sees_what_it_may(newest: Server, current: Database) -> None:
    with newest.connect() as admin:
        admin.execute("drop role if exists onlooker")
        admin.execute("create role onlooker login password 'pass:w@rd%'")
    current.execute("grant select on all tables in schema public to onlooker")
    theirs = Database(newest, newest.over_tcp("onlooker", "pass:w@rd%", str(current.url.database)))
    done = ourschool(theirs, "status")
    assert "Pending   nothing" in done.stdout
    assert "permission denied for sequence" in done.stdout
    assert "w@rd" not in done.stdout + done.stderr
    current.execute("drop owned by onlooker", "drop role onlooker")


@pytest.mark.promise("E11")
def test_the_last_backup_and_its_age(current: Database, tmp_path: Path) -> None:
    finished = dt.datetime.now(dt.UTC) - dt.timedelta(hours=5)
    for name, hours, named in (("older", 9, True), ("newer", 0, True), ("anothers", -1, False)):
        (tmp_path / name).mkdir()
        told = {
            "finished_at": (finished - dt.timedelta(hours=hours)).isoformat(),
            "revision": HEAD,
            "database": current.url.database if named else "another",
            "proof": {"proven": hours != 0, "seconds": 1.5, "reason": None if hours else "it is only a test"},
        }
        (tmp_path / name / "manifest.json").write_text(json.dumps(told))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text('{"finished_at"')
    done = ourschool(current, "status", env={"OURSCHOOL_BACKUPS": str(tmp_path)})
    said = " ".join(done.stdout.split())
    assert f"Backup {finished:%Y-%m-%d %H:%M:%S} UTC, 5.0 h old, at {HEAD}, in {tmp_path / 'newer'} not proven" in said
    told = json.loads(ourschool(current, "status", "--json", env={"OURSCHOOL_BACKUPS": str(tmp_path)}).stdout)
    assert told["backup"]["path"] == str(tmp_path / "newer")
    assert told["backup"]["not_proven"] == "it is only a test"
    assert 5 * 3600 <= told["backup"]["age"] < 5 * 3600 + 300
    whole = (tmp_path / "newer" / "manifest.json").read_text().replace('false, "seconds"', 'true, "seconds"')
    (tmp_path / "newer" / "manifest.json").write_text(whole.replace('"it is only a test"', "null"))
    assert "not proven" not in ourschool(current, "status", env={"OURSCHOOL_BACKUPS": str(tmp_path)}).stdout


def test_tables_and_columns_on_request(current: Database) -> None:
    done = ourschool(current, "status", "--tables")
    assert "\nterms\n  academic_year" in done.stdout
    assert too_wide(done.stdout) == []


@pytest.mark.promise("O1", "E10", "A3")
def test_history_with_the_journal(behind: Database, project: Path) -> None:
    write(project, "badone", after=HEAD, upgrade="op.execute('select * from absent')", message="fail on purpose")
    behind.alembic("upgrade", "head", cwd=project, status=4)
    done = ourschool(behind, "history", cwd=project)
    lines = done.stdout.splitlines()
    assert lines[0] == "badone  fail on purpose"
    assert " upgrade   failed " in lines[1]
    assert 'error: relation "absent" does not exist' in done.stdout
    assert f"{HEAD} (here)  " in done.stdout
    assert f"{CHAIN[3]}  " in done.stdout
    assert " downgrade done " in done.stdout
    assert too_wide(done.stdout) == []
    told = json.loads(ourschool(behind, "history", "--json", cwd=project).stdout)
    assert [each["revision"] for each in told] == ["badone", *reversed(CHAIN)]
    directions = [(run["direction"], run["outcome"]) for run in told[-4]["runs"]]
    assert directions == [("upgrade", "done"), ("downgrade", "done"), ("upgrade", "done")]
    assert told[0]["applied"] is False


def test_pages_of_the_history_and_of_the_status(behind: Database, project: Path) -> None:
    message = "give <b>\"everybody\"</b> & 'nobody' a mark"
    write(project, "badone", after=HEAD, upgrade="op.execute('select * from absent')", message=message)
    escaped = "give &lt;b&gt;&#34;everybody&#34;&lt;/b&gt; &amp; &#39;nobody&#39; a mark"
    done = ourschool(behind, "status", "--html", "status.html", "--history", "--tables", cwd=project, status=1)
    page = (project / "status.html").read_text("utf-8")
    assert f"Page: {project / 'status.html'}\n" in done.stderr
    assert "Not good.</strong>The database is behind.</p>" in page
    assert page.count(escaped) == 3, "the head, what is pending, and the history"
    assert "<caption>users</caption>" in page
    behind.alembic("upgrade", "head", cwd=project, status=4)
    told = ourschool(behind, "history", "--html", "history.html", cwd=project)
    assert told.stdout == ourschool(behind, "history", cwd=project).stdout
    page = (project / "history.html").read_text("utf-8")
    assert "1 of them failed" in page
    assert "relation &#34;absent&#34; does not exist" in page
    assert message not in page
    for name in ("status", "history"):
        assert (project / f"{name}.html").stat().st_mode & 0o777 == 0o600


def test_history_of_a_database_that_never_was_migrated(scratch: Database) -> None:
    assert ourschool(scratch, "history").stdout.count("never run here") == len(CHAIN)


@pytest.mark.parametrize("command", ["adopt", "identify", "status", "history", "rehearse"])
def test_help_has_an_example_and_stands_in_80_columns(scratch: Database, command: str) -> None:
    told = ourschool(scratch, command, "--help", env={"COLUMNS": "80", "TERM": "dumb"}).stdout
    assert f"Example: ourschool {command}" in told
    assert max(map(len, told.splitlines())) <= 80
