"""status finds what is wrong whatever the revision, and the remedy it prints works when it is pasted."""

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from surefoot.online.retire.retire_operations import RetireTableOp
from surefoot.operate.status.health import HealthFinding, find_problems
from tests.support.databases import Database

A_USER = (
    "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
    "values (70, 'a@b', 'a', 'x', 'A', 'B', 'admin')"
)
WRONG = {
    "an invalid index": (
        "update pg_index set indisvalid = false where indexrelid = 'ix_users_lower_email'::regclass",
        "invalid index", "index ix_users_lower_email on users is INVALID",
    ),
    "a constraint that is not valid": (
        "alter table terms add constraint own check (term_order > -9) not valid",
        "unproven constraint", "constraint own on terms is NOT VALID",
    ),
    "a trigger that is off": (
        'create trigger "It\'s 100%" before update on users for each row '
        "execute function suppress_redundant_updates_trigger(); alter table users disable trigger user",
        "disabled trigger", 'trigger "It\'s 100%" on users is disabled',
    ),
    "foreign keys that are off": (
        "alter table lesson_assignments disable trigger all",
        "disabled trigger", "nothing holds lesson_assignments",
    ),
    "a sequence behind its column": (
        A_USER, "sequence behind", "sequence users_id_seq would give 1, but users.id has 70 already",
    ),
}  # fmt: skip


def found(database: Database) -> list[HealthFinding]:
    engine = database.engine()
    with engine.connect() as connection:
        return [each for each in find_problems(connection) if each.kind != "retired" or "canteen" in each.what]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_and_its_remedy_works(current: Database, name: str) -> None:
    sql, kind, what = WRONG[name]
    assert found(current) == []
    current.execute(*sql.split("; "))
    (finding,) = found(current)
    assert finding.kind == kind
    assert finding.what.startswith(what)
    current.execute(finding.remedy)
    assert found(current) == []


def test_a_connection_that_is_lost_is_no_problem_of_the_database(current: Database) -> None:
    """Each further check would say that the transaction of this one is not rolled back."""
    with current.engine().connect() as connection:
        pid = connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        current.execute(f"select pg_terminate_backend({pid}, 5000)")
        with pytest.raises(sa.exc.OperationalError, match="terminating connection"):
            find_problems(connection)


def test_a_sequence_that_gives_the_next_number_is_well(current: Database) -> None:
    current.execute(A_USER, "select setval('users_id_seq', 70)")
    assert found(current) == []
    current.execute("select setval('users_id_seq', 70, false)")
    assert [each.kind for each in found(current)] == ["sequence behind"]
    current.execute("select setval('users_id_seq', 71, false)")
    assert found(current) == []


def test_what_is_retired_waits_for_purge(current: Database) -> None:
    current.execute("create table canteen (id integer); insert into canteen values (1)")
    with current.engine().connect() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context) as op, context.begin_transaction(_per_migration=True):
            op.invoke(RetireTableOp("canteen"))
    (finding,) = found(current)
    assert finding.kind == "retired"
    assert finding.what.startswith("table canteen, 1 row, set aside on ")
