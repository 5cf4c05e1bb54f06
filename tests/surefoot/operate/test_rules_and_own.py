"""A rule that swallows what is written is refused before anything changes; what is the operator's own is only named."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import CHAIN

RULE = "create rule swallow as on {} to {} do instead nothing"
OWN = (
    "create role keeper",
    "alter table terms owner to keeper",
    "alter table users set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off)",
    "alter table users alter email set storage external, alter email set compression pglz",
    "alter table users alter email set statistics 9",
    "create publication abroad for all tables",
    "create cast (text as integer) with inout",
    "create schema theirs",
    "create function theirs.quiet() returns event_trigger language plpgsql as 'begin end'",
    "create event trigger watching on ddl_command_end execute function theirs.quiet()",
    "alter event trigger watching disable",
)


@pytest.fixture
def behind(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        made.alembic("upgrade", CHAIN[1])
        yield made


def test_a_rule_that_swallows_ends_an_upgrade_before_it_begins(behind: Database) -> None:
    for event, table in (("insert", "alembic_version"), ("update", "users")):
        behind.execute(RULE.format(event, table))
        said = behind.alembic("upgrade", "head", status=3).stderr
        assert f"The rule swallow on {table} does something else instead of each {event.upper()}" in said
        assert f"alter table {table} disable rule swallow;" in said
        behind.alembic("downgrade", "-1", status=3)
        assert behind.value("select version_num from alembic_version") == CHAIN[1]
        behind.execute(f"alter table {table} disable rule swallow")
    behind.execute("create table theirs (id integer)", RULE.format("delete", "theirs"))
    behind.alembic("upgrade", CHAIN[2])


def test_what_is_the_operators_own_is_named_and_no_drift(at_head: Database) -> None:
    at_head.execute(*OWN)
    try:
        said = " ".join(ourschool(at_head, "status").stdout.split())
        assert "Drift none: the database is what its revision makes" in said
        for thing in (
            "owners: terms, terms_id_seq of keeper", "storage of columns: users.email: external, pglz",
            "storage parameters: users: fillfactor=70, autovacuum_vacuum_scale_factor=0.01",
            "statistics targets: users.email: 9", "publications: abroad for all tables", "casts: text as integer",
            "event triggers: watching on ddl_command_end (disabled)",
        ):  # fmt: skip
            assert thing in said
        ourschool(at_head, "identify")
        at_head.alembic("check")
        at_head.execute(RULE.format("insert", "users"))
        assert "rule swallow on users: unexpected" in at_head.alembic("check", status=1).stderr
    finally:
        at_head.execute("alter table terms owner to postgres", "drop role keeper")
