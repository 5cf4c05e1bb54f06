"""What is in a made-up school: every table, nothing against the rules, values that belong together."""

import datetime as dt
import hashlib
import re
import subprocess
import sys
from decimal import Decimal

import psycopg
import pytest

from ourschool import models
from ourschool.seed import LAST_DAY, Plan, SeedMissing, seed
from surefoot.errors import RefusedError, UsageError
from tests.ourschool.history.schools import downgrade
from tests.ourschool.seed.conftest import PLAN
from tests.support.databases import ROOT, Database
from tests.support.terminal import on_a_terminal

TABLES = [table.name for table in models.metadata.sorted_tables]
WHEN_IT_WAS_MADE = {"student_points": "updated_at", "settings_changes": "changed_at"}
"""Times that the database writes by itself."""
IMPOSSIBLE = {
    "a balance that is not the ledger's": """
        select from student_points join (select student_id, sum(amount) as sum from point_transactions group by 1) l
         using (student_id) where balance <> sum or balance < 0""",
    "a ledger without a balance": "select from point_transactions where student_id not in "
                                  "(select student_id from student_points)",
    "attendance twice a day": "select from attendance_records group by student_id, date having count(*) > 1",
    "attendance at a weekend": "select from attendance_records where extract(isodow from date) > 5",
    "attendance outside terms": "select from attendance_records where not exists "
                                "(select from terms where date between start_date and end_date)",
    "attendance of those who left": """
        select from attendance_records a where not exists (
            select from enrollments e where e.student_id = a.student_id
               and a.date between joined_on and coalesce(left_on, 'infinity'))""",
    "more than one active term": "select from terms having count(*) filter (where is_active) <> 1",
    "graded without points, day or teacher": """
        select from student_assignments
         where (status = 'graded') <> (points_earned is not null) or (status = 'graded') <> is_graded
            or is_graded <> (graded_by is not null)""",
    "overdue before it was due": "select from student_assignments where status = 'overdue' "
                                 "and coalesce(extended_due_date, due_date) >= '{last_day}'",
    "another percentage than the points say": """
        select from student_assignments join assignment_templates t on t.id = template_id
         where abs(percentage_grade - points_earned * 100.0 / max_points) > 0.01""",
    "a term's points that are not the assignments'": """
        select from student_term_grades g join term_subjects ts on ts.id = term_subject_id
          join terms on terms.id = term_id
          join lateral (
                   select sum(points_earned) as earned from student_assignments s
                     join assignment_templates t on t.id = template_id and t.subject_id = ts.subject_id
                    where s.student_id = g.student_id and assigned_date between start_date and end_date
               ) as a on true
         where current_points_earned <> coalesce(earned, 0)""",
    "a paid fee that was not paid": """
        select from fees join (select fee_id, sum(amount) filter (where status = 'confirmed') as paid
                                 from payments group by 1) p on p.fee_id = fees.id
         where (paid_at is not null) <> (coalesce(paid, 0) = amount_due)""",
    "a name that is not the user's": """
        select from marks join users on users.id = marked_by where marked_by_name <> first_name || ' ' || last_name
        union all
        select from point_transactions join users on users.id = awarded_by
         where awarded_by_name <> first_name || ' ' || last_name""",
    "a pupil in a class whose roll is not theirs": """
        select from student_profiles p where class_id is not null and not exists (
            select from enrollments e where e.student_id = p.student_id and e.class_id = p.class_id
               and left_on is null)""",
    "something from the future": "select from attendance_records where date > '{last_day}' "
                                 "union all select from student_assignments where graded_by is not null "
                                 "and updated_at::date > '{last_day}'",
    "a class above its capacity": "select from enrollments join school_classes c on c.id = class_id group by c.id "
                                  "having count(*) > capacity",
}  # fmt: skip


def content(database: Database) -> dict[str, str]:
    """A digest of every table's rows, without the times that the database wrote by itself."""
    digests = {}
    with database.connect() as connection:
        for table in TABLES:
            left_out = f" - '{WHEN_IT_WAS_MADE[table]}'" if table in WHEN_IT_WAS_MADE else ""
            query = f"select (to_jsonb(t){left_out})::text from {table} t order by id"
            rows = connection.execute(query.encode()).fetchall()
            digests[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return digests


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_rows(seeded: Database, table: str) -> None:
    assert seeded.value(f"select count(*) from {table}")


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_nothing_in_it_is_impossible(seeded: Database, what: str) -> None:
    query = IMPOSSIBLE[what].format(last_day=PLAN.last_day)
    assert seeded.value(f"select count(*) from ({query}) as found") == 0


def test_it_is_spread_as_in_a_school(seeded: Database) -> None:
    def share(condition: str, table: str) -> float:
        value = seeded.value(f"select avg(({condition})::integer) from {table}")
        assert isinstance(value, Decimal)
        return float(value)

    assert 0.8 < share("status = 'present'", "attendance_records") < 0.97
    assert 0.8 < share("paid_at is not null", "fees") < 0.99
    assert 0.6 < share("status = 'graded'", "student_assignments") < 0.97
    assert 0.001 < share("status = 'overdue'", "student_assignments") < 0.1
    assert seeded.value("select count(distinct last_name) > 100 from users where role = 'student'")
    assert seeded.value("select count(distinct marks) > 30 from marks")
    assert seeded.value("select max(count) < 31 from (select count(*) from enrollments group by class_id) as sizes")


def test_all_triggers_were_on(seeded: Database) -> None:
    """The log of the settings is the database's own work, one row a setting."""
    assert seeded.rows("select setting_key, action from settings_changes order by id") == seeded.rows(
        "select key, 'insert' from system_settings order by id"
    )


def test_the_next_row_gets_the_next_key(seeded: Database) -> None:
    with seeded.connect() as connection:
        for table in ("subjects", "fees", "point_transactions"):
            query = f"select nextval(pg_get_serial_sequence('{table}', 'id')) - max(id) from {table}"
            assert connection.execute(query.encode()).fetchall() == [(1,)]


def test_the_same_seed_makes_the_same_rows(seeded: Database, empty: Database) -> None:
    """In another process, whose sets and dictionaries may be in another order."""
    options = ("--students", str(PLAN.students), "--years", str(PLAN.years), "--random-seed", str(PLAN.random_seed))
    subprocess.run(
        [sys.executable, "-m", "ourschool", "seed", *options],
        cwd=ROOT, env=empty.environment({"PYTHONHASHSEED": "4711"}), check=True, capture_output=True,
    )  # fmt: skip
    assert content(empty) == content(seeded)


def test_progress_is_told_in_rows(empty: Database) -> None:
    told: list[int] = []
    plan = Plan(100, 2)
    with empty.connect() as connection:
        made = seed(connection, plan, told.append)
    assert sum(told) == sum(made.values())
    assert 0.5 < plan.estimate / sum(told) < 2


def test_a_bar_on_a_terminal(empty: Database) -> None:
    command = [sys.executable, "-m", "ourschool", "seed", "--students", "100", "--years", "1"]
    _, screens = on_a_terminal(command, ROOT, empty.environment())
    assert any(re.match(r"seeding +━.* \d+/\d+ +rows", line) for lines in screens for line in lines)
    left = " ".join(line.strip() for line in screens[-1] if line.strip())
    assert left.startswith(("Database ", "Waiting for ")), left
    assert left.endswith("(URL from the environment)."), "the bar is gone; the first line stays"


@pytest.mark.parametrize("other", [Plan(400, 2, 8), Plan(400, 2, 7, LAST_DAY - dt.timedelta(days=30))])
def test_another_plan_makes_other_rows(seeded: Database, empty: Database, other: Plan) -> None:
    with empty.connect() as connection:
        seed(connection, other)
    mine, theirs = content(empty), content(seeded)
    differ = {table for table in TABLES if mine[table] != theirs[table]}
    assert {"attendance_records", "student_assignments", "fees", "marks"} <= differ


@pytest.mark.parametrize("plan", [Plan(1, 1), Plan(30, 8), Plan(20, 1, 3, dt.date(2025, 8, 1))])
def test_the_smallest_schools_fit_the_rules_too(empty: Database, plan: Plan) -> None:
    with empty.connect() as connection:
        seed(connection, plan)
    assert empty.value("select count(*) from users where role = 'student'") == plan.students
    assert empty.value("select count(distinct academic_year) from terms") == plan.years


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0), (1, 51), (10**7, 1), (1, 1, 1, dt.date(1960, 1, 1))])
def test_a_school_that_cannot_be_is_wrong_use(arguments: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        Plan(*arguments)  # type: ignore[arg-type]  # what is wrong is the test


def test_a_database_with_rows_is_refused_and_left_alone(empty: Database) -> None:
    empty.execute("insert into subjects (name) values ('Mathematics')")
    with (
        empty.connect() as connection,
        pytest.raises(RefusedError, match="has rows already, in subjects") as refused,
    ):
        seed(connection, PLAN)
    assert refused.value.status == 3
    assert empty.value("select count(*) from users") == 0


def test_a_database_that_is_not_at_head_is_refused(empty: Database) -> None:
    downgrade(empty, "4ad87c1e95b0")
    with empty.connect() as connection, pytest.raises(RefusedError, match="not at head: it lacks"):
        seed(connection, PLAN)


def test_what_fails_half_way_leaves_nothing(empty: Database) -> None:
    empty.execute("alter table marks add check (marks < 20)")
    with empty.connect() as connection, pytest.raises(psycopg.errors.CheckViolation):
        seed(connection, PLAN)
    assert empty.value("select count(*) from users") == 0


def test_without_faker_the_extra_is_named(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    with empty.connect() as connection, pytest.raises(SeedMissing, match=r"ourschool\[seed\]"):
        seed(connection, PLAN)


def test_faker_is_asked_for_only_when_names_are_drawn() -> None:
    code = "import sys, surefoot.cli; sys.exit('faker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
