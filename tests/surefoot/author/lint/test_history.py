"""The history passes; a lint looks at what it is asked for, says what it was not able to, and leaves nothing behind."""

import tempfile
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author.lint.linted_history import lint
from surefoot.author.sample_rows import many_rows
from surefoot.catalogue.reader import read_catalogue
from surefoot.errors import FailedError, UsageError
from tests.ourschool.history.schools import CHAIN, HEAD
from tests.support.databases import ROOT, Database
from tests.surefoot.author.lint.chain import Step, write

UPDATE = "op.execute(\"update {t} set b = 'x'\")"


def left_behind(database: Database) -> list[object]:
    return [name for (name,) in database.rows("select datname from pg_database where datname like 'ourschool%'")]


@pytest.mark.promise("A11")
def test_the_last_revision_passes(scratch: Database) -> None:
    """What is released was linted before it was, and never changes: test_revision_commands.py holds the list."""
    assert lint(settings.load(PROJECT.at(ROOT), environ={}), scratch.url, [HEAD]).findings == ()


@pytest.mark.long
@pytest.mark.promise("A11")
@pytest.mark.timeout(1200)
def test_the_whole_history_passes(database: Database) -> None:
    report = lint(settings.load(PROJECT.at(ROOT), environ={}), database.url)
    assert [(each.file.name, each.line, each.rule, each.why) for each in report.findings] == []
    assert report.revisions == CHAIN
    assert report.version.startswith(f"{database.server.major}.")
    assert report.statements > 100


def test_nothing_is_left_and_the_database_is_not_touched(scratch: Database, project: Path) -> None:
    write(project, [Step("bad", UPDATE), Step("fails", "raise RuntimeError('no')")])
    with pytest.raises(FailedError, match="no"):
        lint(settings.load(PROJECT.at(project), environ={}), scratch.url)
    assert left_behind(scratch) == []
    assert scratch.rows("select relname from pg_class where relnamespace = 'public'::regnamespace") == []


def test_only_what_is_asked_for_is_looked_at(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("one", UPDATE), Step("two", UPDATE), Step("three", UPDATE)])
    loaded = settings.load(PROJECT.at(project), environ={})
    assert chain.lint(scratch, "two").revisions == (chain.revision("two"),)
    assert {each.revision for each in chain.lint(scratch, "two").findings} == {chain.revision("two")}
    assert lint(loaded, scratch.url, ["head"]).revisions == (chain.revision("three"),)
    both = lint(loaded, scratch.url, [f"{chain.revision('two')}:head"])
    assert both.revisions == (chain.revision("two"), chain.revision("three"))


def test_a_revision_that_is_not_there(scratch: Database) -> None:
    with pytest.raises(UsageError, match="'deadbeef'"):
        lint(settings.load(PROJECT.at(ROOT), environ={}), scratch.url, ["deadbeef"])


def test_branches_and_their_merge_are_looked_at(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("fees", UPDATE), Step("exams", UPDATE), Step("merge", "pass")])
    exams, merge = chain.files["exams"], chain.files["merge"]
    root, fees = chain.revision("tables"), chain.revision("fees")
    exams.write_text(exams.read_text().replace(f"down_revision = '{fees}'", f"down_revision = '{root}'"))
    merge.write_text(
        merge.read_text().replace(
            f"down_revision = '{chain.revision('exams')}'", f"down_revision = ('{fees}', '{chain.revision('exams')}')"
        )
    )
    report = chain.lint(scratch)
    assert set(report.revisions) == {chain.revision(name) for name in chain.files}
    for name in ("fees", "exams"):
        assert [each.rule for each in chain.found(report, name)] == ["backfill-in-one-statement"]
    assert chain.found(report, "merge") == []


def test_a_way_back_that_fails_is_found_and_the_rest_looked_at(scratch: Database, project: Path) -> None:
    steps = [
        Step("forgotten", 'op.execute("alter table {t} add d integer")'),
        Step("refused", "pass", "raise NotImplementedError('no way back')"),
        Step("wrong", "pass", 'op.execute("alter table {t} drop constraint nothing")'),
        Step("after them", UPDATE),
    ]
    chain = write(project, steps)
    report = chain.lint(scratch)
    for name, code, why in (
        ("forgotten", "def downgrade", "already exists"),
        ("refused", "def downgrade", "no way back"),
        ("wrong", "op.execute", "does not exist"),
    ):
        (found,) = chain.found(report, name)
        assert found.rule == "way-back-fails"
        assert chain.code(found).startswith(code)
        assert why in found.why
    assert [each.rule for each in chain.found(report, "after them")] == ["backfill-in-one-statement"]


def test_a_released_finding_is_acknowledged_in_a_list(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("released", UPDATE), Step("not yet", UPDATE)])
    names = [chain.revision(name) for name in ("released", "not yet")]
    (project / "alembic" / "released.txt").write_text(f"{names[0]} {'0' * 64}\n")
    (project / "alembic" / "acknowledged.txt").write_text(
        "# why\n" + "".join(f"{name} backfill-in-one-statement a dozen rows\n" for name in names)
    )
    assert [each.revision for each in chain.lint(scratch, "released", "not yet").findings] == names[1:]


def test_what_refuses_made_up_rows_is_run_without(scratch: Database, project: Path) -> None:
    refuses = "op.execute('do $$ begin if exists (select from {t}) then raise exception $x$no$x$; end if; end $$')"
    steps = [Step("up", f"{refuses}\n{UPDATE}"), Step("down", UPDATE, refuses), Step("between", refuses),
             Step("after them", UPDATE)]  # fmt: skip
    chain = write(project, steps)
    report = chain.lint(scratch, "up", "down", "after them")
    assert [each.rule for each in report.findings] == ["backfill-in-one-statement"] * 3


def test_made_up_rows_have_keys_far_apart_and_leave_the_schema_as_it_was(scratch: Database) -> None:
    scratch.execute(
        "create table t (id bigint generated always as identity primary key, code text unique, a integer)",
        "create table u (id serial primary key, t_id bigint not null references t, made integer default 1)",
        "create table full_already (id bigint primary key)",
        "insert into full_already values (1)",
    )
    with scratch.engine().connect() as connection:
        before = read_catalogue(connection)
        connection.rollback()
        assert many_rows.fill_empty(connection) == ["t", "u"]
        assert read_catalogue(connection) == before
        connection.rollback()
        assert many_rows.fill_empty(connection) == []
        many_rows.empty(connection, ["u", "gone"])
    assert scratch.rows("select count(*) > 100, count(distinct code) > 100 from t") == [(True, True)]
    assert scratch.rows("select count(*) from t where id between 1 and 100000") == [(0,)]
    assert scratch.rows("select count(*) < 20 from t where id between 110000 and 115000") == [(True,)]
    assert scratch.rows("select count(*) from u") == [(0,)]


def test_a_role_that_may_not_create_databases_gets_an_embedded_one(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("bad", UPDATE)])
    role = f"r_{scratch.url.database}"
    scratch.execute(f"create role {role} login password 'geheim'")
    url = scratch.server.over_tcp(role, "geheim", str(scratch.url.database))
    try:
        report = lint(settings.load(PROJECT.at(project), environ={}), url, [chain.revision("bad")])
    finally:
        scratch.execute(f"drop role {role}")
    assert [each.rule for each in report.findings] == ["backfill-in-one-statement"]
    assert report.version.startswith("18.")
    assert list(Path(tempfile.gettempdir()).glob("surefoot-lint-*")) == []
