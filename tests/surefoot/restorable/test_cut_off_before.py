"""A change of types that was cut off under another version, or beside another's work: the next run mends it."""

from pathlib import Path

import pytest

from tests.ourschool.history.schools import make_existing, upgrade
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.online.harness import assert_equal, catalogue, empty, write
from tests.surefoot.online.runner import Runner
from tests.surefoot.restorable import dumps
from tests.surefoot.restorable.cases import CASES
from tests.surefoot.restorable.test_operations import chain

# As released until 4859b16, to the letter.
ON_STUDENT_ASSIGNMENTS = """
create trigger "~__changing_a83e41d6905b_student_assignments_u" before update on "student_assignments" for each row
when (row(old."id", old."template_id", old."student_id", old."assigned_date", old."due_date", old."extended_due_date", old."__retired_62d0b7f4a93e_status", old."started_date", old."completed_date", old."submitted_date", old."points_earned", old."percentage_grade", old."letter_grade", old."is_graded", old."graded_date", old."graded_by", old."teacher_feedback", old."student_notes", old."submission_notes", old."time_spent_minutes", old."custom_instructions", old."custom_max_points", old."assigned_by", old."created_at", old."updated_at", old."assigned_by_name", old."graded_by_name", old."status")::record *<> row(new."id", new."template_id", new."student_id", new."assigned_date", new."due_date", new."extended_due_date", new."__retired_62d0b7f4a93e_status", new."started_date", new."completed_date", new."submitted_date", new."points_earned", new."percentage_grade", new."letter_grade", new."is_graded", new."graded_date", new."graded_by", new."teacher_feedback", new."student_notes", new."submission_notes", new."time_spent_minutes", new."custom_instructions", new."custom_max_points", new."assigned_by", new."created_at", new."updated_at", new."assigned_by_name", new."graded_by_name", new."status")::record) execute function "__changing_a83e41d6905b_student_assignments"()
"""  # noqa: E501
ON_RESULTS = """
create trigger "~__changing_two_results_u" before update on "results" for each row
when (row(old."id", old."points", old."parts", old."page", old."place", old."area", old."tags", old."note")::record *<> row(new."id", new."points", new."parts", new."page", new."place", new."area", new."tags", new."note")::record) execute function "__changing_two_results"()
"""  # noqa: E501
PLACES = "select id, ctid::text from {} order by id"


def as_released(database: Database, trigger: str) -> None:
    """Put the old trigger in the new one's place, where a run was cut off."""
    name, table = trigger.split()[2], trigger.split()[6]
    database.execute(
        f"drop trigger {name} on {table}", trigger, f"alter table {table} enable always trigger {name}"
    )  # fmt: skip


def dumped_and_restored(database: Database, folder: Path) -> None:
    for format_ in dumps.FORMATS:
        path = folder / format_
        with dumps.restored(dumps.dump(database, database.server.major, format_, path), database.server):
            pass
        dumps.Dump(database.server.major, format_, path).remove()


@pytest.mark.parametrize(
    "cut",
    ['analyze "student_assignments"', pytest.param("set_config('enable_seqscan'", marks=pytest.mark.long)],
)
def test_a_released_revision(newest: Server, tmp_path: Path, cut: str) -> None:
    """Before a row was converted, and after all were; then nothing is converted again."""
    with fresh(newest) as undisturbed, fresh(newest) as database:
        for each in (undisturbed, database):
            make_existing(each)
            upgrade(each, "1f95c3e8d704")
        upgrade(undisturbed, "a83e41d6905b")
        with Runner(database, ROOT) as runner:
            assert runner.alembic("upgrade", "a83e41d6905b", kill_before=cut).killed
            as_released(database, ON_STUDENT_ASSIGNMENTS)
            with pytest.raises(AssertionError, match=r"operator does not exist: integer \*<> integer"):
                dumped_and_restored(database, tmp_path)
            (tmp_path / "plain").unlink()
            before = database.rows(PLACES.format("student_assignments"))
            ended = runner.alembic("upgrade", "a83e41d6905b", status=0)
            assert "analyze" not in cut or database.rows(PLACES.format("student_assignments")) == before, ended.output
        assert_equal(catalogue(undisturbed), catalogue(database))
        values = "select id, points_earned, percentage_grade from student_assignments order by id"
        assert database.rows(values) == undisturbed.rows(values)


def test_what_is_cut_off_twice_can_be_restored(database: Database, project: Path, tmp_path: Path) -> None:
    """The old trigger is gone before anything else is done."""
    with Runner(database, chain(project, CASES["types beside json"])) as runner:
        runner.alembic("upgrade", "one", status=0)
        assert runner.alembic("upgrade", "two", kill_before="set_config('enable_seqscan'").killed
        as_released(database, ON_RESULTS)
        database.execute("update results set points = 100 where id = 1")
        assert runner.alembic("upgrade", "two", kill_before="set_config('enable_seqscan'").killed
        dumped_and_restored(database, tmp_path)
        database.execute("update results set points = 200, parts = '{\"b\": 1}' where id = 2")
        runner.alembic("upgrade", "two", status=0)
    assert database.rows("select id, points, parts::text from results where id < 4 order by id") == [
        (1, 100, '{"n": 1}'), (2, 200, '{"b": 1}'), (3, 3, '{"n": 3}'),
    ]  # fmt: skip


def test_the_guarded_upgrade_can_make_its_backup(newest: Server, tmp_path: Path) -> None:
    with fresh(newest) as database:
        make_existing(database)
        upgrade(database, "1f95c3e8d704")
        with Runner(database, ROOT) as runner:
            runner.alembic("upgrade", "a83e41d6905b", kill_before='analyze "student_assignments"')
        as_released(database, ON_STUDENT_ASSIGNMENTS)
        command = database.start(
            "upgrade", "a83e41d6905b", "--yes", program="ourschool", env={"OURSCHOOL_BACKUPS": str(tmp_path)}
        )
        output, _ = command.communicate(timeout=300)
        assert command.returncode == 0, output
        (made,) = tmp_path.rglob("toc.dat")
        with (
            dumps.restored(dumps.Dump(18, "directory", made.parent), newest) as restored,
            Runner(restored, ROOT) as runner,
        ):
            runner.alembic("upgrade", "a83e41d6905b", status=0)
            assert_equal(catalogue(database), catalogue(restored))


def test_another_trigger_has_come_since(scratch: Database, project: Path) -> None:
    """The syncing one looks at what statements name, and that one changes what ours does not: all begins anew."""
    write(
        empty(project),
        "one",
        None,
        """
        op.execute("create table marks (id integer primary key, points integer, note text)")
        op.execute("insert into marks select n, n from generate_series(1, 9) as n")
        """,
    )
    write(project, "two", "one", "op.change_types_online('marks', {'points': ('text', 'points::text', 'points::int')})")
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        assert runner.alembic("upgrade", "two", kill_before="set_config('enable_seqscan'").killed
        scratch.execute(
            "create function best() returns trigger language plpgsql as "
            "$$ begin new.points := case new.id when 4 then 99 else new.points end; return new; end $$",
            "create trigger best before update on marks for each row execute function best()",
        )
        runner.alembic("upgrade", "two", status=0)
    assert scratch.rows("select points from marks where id in (4, 5) order by id") == [("99",), ("5",)]


def test_the_time_zone_has_changed_since(scratch: Database, project: Path) -> None:
    """A cast that reads the session's settings: all values are of the run that ends, not some of each."""
    write(
        empty(project),
        "one",
        None,
        """
        op.execute("create table marks (id integer primary key, seen timestamp)")
        op.execute("insert into marks select n, '2026-01-01 12:00' from generate_series(1, 9) as n")
        """,
    )
    change = "{'seen': ('timestamptz', 'seen::timestamptz', 'seen::timestamp')}"
    write(project, "two", "one", f"op.change_types_online('marks', {change})")
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        assert runner.alembic("upgrade", "two", kill_before="analyze").killed
        scratch.execute(f"alter database {scratch.url.database} set timezone = 'Asia/Tokyo'")
        scratch.execute("insert into marks values (10, '2026-01-01 12:00')")
        runner.alembic("upgrade", "two", status=0)
    assert scratch.rows("select distinct seen at time zone 'Asia/Tokyo' = '2026-01-01 12:00' from marks") == [(True,)]
