"""Clones of a template are a test's own and go, whatever the test did to the connections of the server."""

import pytest
import sqlalchemy as sa

from surefoot.scratch_database import scratch_database
from surefoot.template_clones import TemplateClones
from tests.support.databases import Database

SESSIONS = "select pid from pg_stat_activity where application_name like 'ourschool scratch %' order by pid"


def _databases(database: Database) -> set[object]:
    return {name for (name,) in database.rows("select datname from pg_database")}


def _tables(url: sa.URL) -> list[str]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    return sa.inspect(engine).get_table_names()


def _end_sessions(database: Database) -> None:
    database.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like 'ourschool scratch %'"
    )


def _template(database: Database) -> TemplateClones:
    database.execute("create table pupils (id integer)")
    return TemplateClones(database.url)


def test_one_connection_is_kept_for_clones_in_turn(scratch: Database) -> None:
    clones, admin = _template(scratch), Database(scratch.server, scratch.server.url)
    before = _databases(admin)
    sessions = []
    for name in ('clone "100%" 1', "clone 2"):
        with clones.clone(name) as url:
            assert _databases(admin) - before == {name}
            assert _tables(url) == ["pupils"]
            sessions.append(admin.rows(SESSIONS))
    assert sessions[0] == sessions[1]
    assert _databases(admin) == before
    clones.close()
    assert admin.rows(SESSIONS) == []


def test_two_at_once_have_a_session_each(scratch: Database) -> None:
    clones, admin = _template(scratch), Database(scratch.server, scratch.server.url)
    before = _databases(admin)
    # the third drops what has a mark and no session
    with clones.clone("clone_1"), clones.clone("clone_2"), scratch_database(admin.url):
        assert _databases(admin) >= {"clone_1", "clone_2"}
    assert _databases(admin) == before
    clones.close()


def test_a_test_may_end_every_session(scratch: Database) -> None:
    clones, admin = _template(scratch), Database(scratch.server, scratch.server.url)
    before = _databases(admin)
    with clones.clone("clone_1"):
        _end_sessions(admin)
    assert _databases(admin) == before
    with clones.clone("clone_2"):
        pass
    _end_sessions(admin)  # the one that is kept
    with clones.clone("clone_3") as url:
        assert _tables(url) == ["pupils"]
    assert _databases(admin) == before
    clones.close()


def test_a_clone_is_dropped_where_the_test_fails(scratch: Database) -> None:
    clones, admin = _template(scratch), Database(scratch.server, scratch.server.url)
    before = _databases(admin)
    with pytest.raises(ZeroDivisionError), clones.clone("clone_1"):
        raise ZeroDivisionError
    assert _databases(admin) == before
    clones.close()
