"""Row security hides no row from a migration: it is refused before, or ends, and never overlooks one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.complaints import complaint
from tests.history.schools import make_existing
from tests.online.harness import empty, write
from tests.roles.people import Role, hide, own_everything, role
from tests.support.databases import Database

TEXTS = """
    select count(grade_level) from users
"""
ROWS = 1000


@pytest.fixture
def owner(scratch: Database) -> Iterator[Role]:
    """Owns the database, and is neither a superuser nor past row security."""
    with role(scratch, owns=True) as made:
        yield made


@pytest.fixture
def pupils(owner: Role, project: Path) -> Database:
    """At a first revision that made a thousand rows, of which a policy will show five."""
    write(empty(project), "made", None, f"""
        op.execute("create table pupils (id integer primary key, name text, note text)")
        op.execute("insert into pupils select n, case when n > 5 then 'x' end from generate_series(1, {ROWS}) n")
    """)  # fmt: skip
    owner.here.alembic("upgrade", "head", cwd=project)
    return owner.here


@pytest.mark.promise("O12")
def test_grade_levels_that_a_policy_hides_are_not_lost(scratch: Database, owner: Role) -> None:
    make_existing(scratch)
    own_everything(scratch, owner)
    before = scratch.value("select array_agg(grade_level order by id) from users")
    hide(scratch, "users", "id = (select min(id) from terms)")
    done = owner.here.alembic("upgrade", "3f1c9a7d52e4", status=3)
    assert "users" in complaint(done)
    assert scratch.value("select array_agg(grade_level order by id) from users") == before


BODIES = {
    "backfill": "op.backfill('pupils', {'note': \"'n'\"}, \"note is null and name is not null\")",
    "retire_rows": "op.retire_rows('pupils', \"name = 'x'\")",
    "not null": "op.set_not_null_online('pupils', 'name')",
    "update": "op.execute(\"update pupils set note = 'n'\")",
    "check": "op.add_check_online('named', 'pupils', 'name is not null')",
    "change types": "op.change_types_online('pupils', {'name': ('varchar(9)', 'name::varchar(9)', 'name')})",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_in_the_middle(pupils: Database, project: Path, body: str) -> None:
    force = [
        f"op.execute({statement!r})"
        for statement in (
            "alter table pupils enable row level security",
            "create policy few on pupils using (id <= 5)",
            "alter table pupils force row level security",
        )
    ]
    write(project, "force", "made", "\n".join(force))
    write(project, "work", "force", body)
    done = pupils.alembic("upgrade", "head", cwd=project, status=4)
    assert "Row security" in complaint(done)
