"""Each single change to a school is one line that names what changed, on every server version."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Kind
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.catalogue.changes import CHANGES, Change
from tests.surefoot.catalogue.school import build, run


class School(NamedTuple):
    """A school that stands, and a connection to change it through."""

    connection: sa.Connection
    expected: Catalogue


@pytest.fixture(scope="module")
def school(server: Server) -> Iterator[School]:
    with fresh(server) as database:
        engine = database.engine()
        with engine.connect() as connection:
            with connection.begin():
                build(connection, "public")
            yield School(connection, read_catalogue(connection))
        engine.dispose()


@pytest.mark.parametrize("change", [pytest.param(change, id=change.name) for change in CHANGES])
def test_one_change_is_one_line(school: School, change: Change) -> None:
    try:
        run(school.connection, change.sql)
        changed = read_catalogue(school.connection)
    finally:
        school.connection.connection.rollback()
        school.connection.rollback()

    there, back = compare(school.expected, changed), compare(changed, school.expected)

    assert there.lines() == (change.line,)
    assert school.expected != changed
    assert school.expected.fingerprint != changed.fingerprint
    (forth,) = there.deviations
    mirrored = [(each.found, each.expected) for each in back.deviations]
    # a storage parameter that no revision sets is the operator's own
    assert mirrored == ([] if change.name == "storage option" else [(forth.expected, forth.found)])
    takes_away = change.name.startswith("rule")
    assert there.beyond == (there.deviations if forth.kind is Kind.UNEXPECTED and not takes_away else ())
    assert there.lacking == (() if forth.kind is Kind.UNEXPECTED and not takes_away else there.deviations)


def test_a_school_does_not_deviate_from_itself(school: School) -> None:
    difference = compare(school.expected, read_catalogue(school.connection))
    assert not difference
    assert difference.lines() == ()


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        pytest.param(
            "alter table users rename column nickname to nick",
            (
                "column users.nick: unexpected (found text null)",
                "column users.nickname: missing (expected text null)",
                "index ix_users_email on users: expected CREATE INDEX ix_users_email ON users USING btree "
                "(lower(email::text), role DESC NULLS LAST) INCLUDE (nickname), found CREATE INDEX ix_users_email "
                "ON users USING btree (lower(email::text), role DESC NULLS LAST) INCLUDE (nick)",
            ),
            id="column renamed",
        ),
        pytest.param(
            "alter index ix_visits_note rename to visits_note_idx; comment on index visits_note_idx is 'new'",
            (
                "index ix_visits_note on visits: expected name ix_visits_note, found visits_note_idx",
                "index ix_visits_note on visits: expected comment none, found new",
            ),
            id="renamed and more",
        ),
        pytest.param(
            "drop view families; drop table visits; create table extra (id integer)",
            (
                "table extra: unexpected (found 1 column)",
                "view families: missing (expected 2 columns)",
                "table visits: missing (expected 3 columns)",
            ),
            id="in order of name",
        ),
    ],
)
def test_several_changes_are_a_line_each(school: School, sql: str, lines: tuple[str, ...]) -> None:
    try:
        run(school.connection, sql)
        changed = read_catalogue(school.connection)
    finally:
        school.connection.connection.rollback()
        school.connection.rollback()

    assert compare(school.expected, changed).lines() == lines
