"""A small school at head, cloned for each test."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.ourschool.history.schools import upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server

PEOPLE = """
insert into users (id, email, username, hashed_password, first_name, last_name, role)
values (1, 'ada@x', 'ada', '-', 'Ada', 'Admin', 'admin'),
       (2, 'tom@x', 'tom', '-', 'Tom', 'Teacher', 'admin'),
       (3, 'pia@x', 'pia', '-', 'Pia', 'Pupil', 'student'),
       (4, 'quinn@x', 'quinn', '-', 'Quinn', 'Pupil', 'student')
"""
SCHOOL = (
    PEOPLE,
    "insert into subjects (id, name) values (1, 'Mathematics')",
    "insert into school_classes (id, academic_year, code, name) "
    "values (1, '2024-2025', '7B', '7B'), (2, '2024-2025', '8A', '8A')",
    "select setval(pg_get_serial_sequence(name, 'id'), 100)"
    " from unnest('{users,subjects,school_classes}'::text[]) as name",
)


@pytest.fixture(scope="session")
def template(newest: Server) -> Iterator[str]:
    """The name of a database at head with four people, a subject and two classes; what is done there is rolled back."""
    with fresh(newest) as made:
        upgrade(made, "head")
        made.execute(*SCHOOL)
        yield str(made.url.database)


@pytest.fixture
def rolled_back(newest: Server, template: str) -> Iterator[psycopg.Connection]:
    """A transaction in the template itself, for what one connection can show; nothing of it stays."""
    with Database(newest, newest.url.set(database=template)).connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def school(newest: Server, template: str) -> Iterator[Database]:
    """A clone of the template on PostgreSQL 18."""
    with fresh(newest, template=template) as made:
        yield made
