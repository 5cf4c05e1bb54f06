"""A role with CREATEDB and nothing else backs up, restores beside, swaps in; what it may not set is told."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.operate.backup import RestoreOptions, backup, drop_old, list_replaced, restore, swap_in, verify
from surefoot.settings import Settings
from tests.support.databases import Database, fresh
from tests.support.servers import Server, programs, running
from tests.surefoot.operate.backup.schools import databases_like, forget_aside, ourschool, state_of

PASSWORD = "geheim"


@pytest.fixture
def admin(newest: Server) -> Iterator[Database]:
    """The database as its superuser sees it; the role `creator_…` owns it."""
    with fresh(newest) as made:
        name = made.url.database
        made.execute(f"create role creator_{name} login createdb password '{PASSWORD}'")
        made.execute(f"alter database {name} owner to creator_{name}")
        yield made
        forget_aside(made)
        with newest.connect() as connection:
            connection.execute(f"drop database {name} with (force)")
            connection.execute(f"drop role creator_{name}")


@pytest.fixture
def school(admin: Database) -> Database:
    """The same as its owner sees it."""
    name = str(admin.url.database)
    made = replace(admin, url=admin.server.over_tcp(f"creator_{name}", PASSWORD, name))
    made.execute(
        "create table marks (id serial primary key, mark integer check (mark between 1 and 6))",
        "insert into marks (mark) select n % 6 + 1 from generate_series(1, 1000) n",
        "create view best as select * from marks where mark = 1",
    )
    return made


def test_the_emergency_sequence_as_typed(school: Database, tmp_path: Path) -> None:
    before = state_of(school)
    ourschool(school, tmp_path, "backup")
    school.execute("delete from marks")
    done = ourschool(school, tmp_path, "restore", "latest", "--yes", "--disconnect")
    assert "could not be restored" not in done.stderr
    assert state_of(school) == before
    (old,) = list_replaced(school.url)
    assert swap_in(school.url, old.name, disconnect=True)
    assert school.value("select count(*) from marks") == 0
    (old,) = list_replaced(school.url)
    drop_old(school.url, old.name, disconnect=True)
    assert databases_like(school) == [school.url.database]


def test_default_privileges_of_others_are_left_out_and_told(admin: Database, school: Database, tmp_path: Path) -> None:
    """Administrators and managed servers set them, in every database; only their role, or one of it, may set them."""
    role = f"creator_{school.url.database}"
    admin.execute(
        f"alter default privileges in schema public grant select on tables to {role}",
        f"alter default privileges grant execute on functions to {role}",
    )
    school.execute("alter default privileges in schema public grant usage on sequences to public")
    before = state_of(school)
    ourschool(school, tmp_path, "backup")
    school.execute("delete from marks")
    done = ourschool(school, tmp_path, "restore", "latest", "--yes", "--disconnect")
    assert "Not restored: default privileges of role postgres." in " ".join((done.stdout + done.stderr).split())
    assert state_of(school) == before
    assert school.rows("select defaclrole::regrole::text, defaclobjtype from pg_default_acl") == [(role, "S")]
    ourschool(school, tmp_path, "backup", "verify", "latest")


def test_what_hangs_on_what_it_may_not_make_is_left_out_with_it(
    admin: Database, school: Database, tmp_path: Path
) -> None:
    """Privileges and comments of what a superuser made, which the trial of the dump does not try."""
    role = f"creator_{school.url.database}"
    admin.execute(
        "create foreign data wrapper elsewhere",
        "create server there foreign data wrapper elsewhere",
        f"grant usage on foreign server there to {role}, pg_monitor",
        f"grant usage on foreign data wrapper elsewhere to {role}",
        "comment on server there is 'the other school'",
        "create user mapping for public server there",
    )
    before = state_of(school)
    ourschool(school, tmp_path, "backup")
    ourschool(school, tmp_path, "backup", "verify", "latest")
    school.execute("delete from marks")
    done = ourschool(school, tmp_path, "restore", "latest", "--yes", "--disconnect")
    assert "Not restored: foreign data wrapper elsewhere" in " ".join((done.stdout + done.stderr).split())
    assert state_of(school) == before


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "in place"])
def test_privileges_that_somebody_granted_on(admin: Database, school: Database, tmp_path: Path, inside: bool) -> None:
    """A dump grants them as that role, which only a superuser may do: this role grants them in its place."""
    other = f"other_{admin.url.database}"
    admin.execute(f"create role {other}")
    school.execute(
        f"grant select on marks to {other} with grant option",
        f"grant usage on sequence marks_id_seq to {other}",
        "grant insert on marks to pg_monitor",
    )
    admin.execute(f"set role {other}; grant select on marks to public")
    rights = """
        select relname, grantee, privilege_type, is_grantable
          from pg_class cross join aclexplode(relacl) where relname ~ '^marks' order by 1, 2, 3
    """
    settings = Settings(PROJECT.at(tmp_path))
    try:
        before = school.rows(rights)
        made = backup(settings, school.url)
        verify(school.url, made)
        school.execute("delete from marks")
        done = restore(settings, school.url, made, RestoreOptions(inside=inside))
        assert school.rows(rights) == before
        assert school.value("select count(*) from marks") == 1000
        told = "Granted by this role now, not by whom they were granted: privileges on TABLE marks."
        assert [note for note in done.notes if note.startswith("Granted")] == [told]
    finally:
        forget_aside(admin)
        admin.execute(f"drop owned by {other} cascade", f"drop role {other}")


def test_where_it_may_not_enter_the_database_postgres(admin: Database, school: Database, tmp_path: Path) -> None:
    """As managed servers have it: only template1, or some other database of theirs, lets it in."""
    made = backup(Settings(PROJECT.at(tmp_path)), school.url)
    with running_without(admin, "postgres"):
        school.execute("delete from marks")
        restore(Settings(PROJECT.at(tmp_path)), school.url, made)
        assert school.value("select count(*) from marks") == 1000
    with running_without(admin, "postgres", "template1"):
        admin.execute(f"create database defaultdb_{admin.url.database}")
        try:
            school.execute("delete from marks")
            done = restore(Settings(PROJECT.at(tmp_path)), school.url, made)
            assert done.kept is not None
        finally:
            with admin.server.connect() as connection:
                connection.execute(f"drop database defaultdb_{admin.url.database}")


class running_without:  # noqa: N801  # a block
    """Nobody but a superuser may connect to these databases inside the block."""

    def __init__(self, admin: Database, *names: str) -> None:
        self.admin, self.names = admin, names

    def __enter__(self) -> None:
        for name in self.names:
            self.admin.execute(f"revoke connect on database {name} from public")

    def __exit__(self, *_: object) -> None:
        for name in self.names:
            self.admin.execute(f"grant connect on database {name} to public")


def test_what_it_may_not_set_is_told(admin: Database, school: Database, tmp_path: Path) -> None:
    """A setting of a superuser's, privileges, a limit, a comment; an owner that it belongs to."""
    name = str(admin.url.database)
    admin.execute(
        f"alter database {name} set log_min_duration_statement = 100",
        f"alter database {name} set datestyle = 'ISO, DMY'",
        f"alter database {name} connection limit 20",
        f"comment on database {name} is 'the school''s own'",
        f"revoke temporary on database {name} from public",
    )
    made = backup(Settings(PROJECT.at(tmp_path)), school.url)
    school.execute("delete from marks")
    done = restore(Settings(PROJECT.at(tmp_path)), school.url, made)
    assert [note for note in done.notes if "log_min_duration_statement" in note]
    assert len(done.notes) == 1
    assert school.value("select count(*) from marks") == 1000
    assert school.value("show datestyle") == "ISO, DMY"
    assert admin.rows(
        "select datconnlimit, shobj_description(oid, 'pg_database'), datdba::regrole::text, "
        f"has_database_privilege('pg_monitor', oid, 'TEMP') from pg_database where datname = '{name}'"
    ) == [(20, "the school's own", f"creator_{name}", False)]


def test_a_tablespace_and_an_owner_that_it_may_not_use(tmp_path: Path) -> None:
    with running(18) as server, fresh(server) as made:
        assert server.data is not None
        name = str(made.url.database)
        place = server.data.parent / "elsewhere"
        place.mkdir()
        if server.data.owner() != place.owner():
            shutil.chown(place, server.data.owner(), server.data.group())
        made.execute("create role office", "create role school login createdb password 'geheim' in role office")
        made.execute(
            f"create tablespace elsewhere location '{place}'", "revoke create on tablespace elsewhere from public"
        )
        made.execute("grant create on schema public to school")
        with server.connect() as admin:
            admin.execute(f"alter database {name} set tablespace elsewhere")
            admin.execute(f"alter database {name} owner to office")
        school = replace(made, url=server.over_tcp("school", "geheim", name))
        school.execute("create table marks as select 1 as mark")
        backed = backup(Settings(PROJECT.at(tmp_path)), school.url)
        done = restore(Settings(PROJECT.at(tmp_path)), school.url, backed)
        assert [note for note in done.notes if "tablespace elsewhere" in note]
        assert (
            made.value("select datdba::regrole::text from pg_database where datname = current_database()") == "office"
        )
        made.execute("revoke set option for office from school")
        done = restore(Settings(PROJECT.at(tmp_path)), school.url, backed)
        assert [note for note in done.notes if "owner office" in note]
        assert school.value("select mark from marks") == 1
        for each in list_replaced(made.url):
            drop_old(made.url, each.name, disconnect=True)


@pytest.mark.skipif(programs(15) is None, reason="no PostgreSQL 15 with its extensions here")
def test_a_superusers_extension_is_left_out_and_told(tmp_path: Path) -> None:
    with running(15) as server, fresh(server) as made:
        name = str(made.url.database)
        with server.connect() as admin:
            admin.execute("create role school login createdb password 'geheim'")
            admin.execute(f"alter database {name} owner to school")
        made.execute("create extension pg_stat_statements", "create extension citext")
        school = replace(made, url=server.over_tcp("school", "geheim", name))
        school.execute("create table people (mail citext)", "insert into people values ('A@b.c')")
        backed = backup(Settings(PROJECT.at(tmp_path)), school.url)
        done = restore(Settings(PROJECT.at(tmp_path)), school.url, backed)
        assert [note.partition(" (")[0] for note in done.notes if note.startswith("Not restored")] == [
            "Not restored: extension pg_stat_statements"
        ]
        assert school.value("select count(*) from people where mail = 'a@B.C'") == 1
        forget_aside(made)
