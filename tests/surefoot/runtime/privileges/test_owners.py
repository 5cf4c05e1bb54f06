"""Who migrates is the owner of the school's tables, or a superuser who hands over what was made; nobody else."""

import pytest
from alembic import command
from alembic.config import Config

from surefoot.errors import RefusedError, SurefootError
from tests.ourschool.history.schools import HEAD, upgrade
from tests.ourschool.history.schools import downgrade as down
from tests.support.databases import ROOT, Database
from tests.surefoot.runtime.privileges.conftest import BEFORE, Roles, as_role, granted, quoted

AFTER = "683d2e072479"
OWNERS = """
select distinct owner from (
    select pg_get_userbyid(relowner)::text from pg_class
     where relnamespace in ('public'::regnamespace, to_regnamespace('retired')) and relkind in ('r', 'v', 'S')
    union all
    select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'retired'
) as every (owner)
"""


def stands(database: Database) -> tuple[object, object]:
    return (
        database.value("select version_num from alembic_version"),
        database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace"),
    )


def stamp(database: Database) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    with database.engine().connect() as connection:
        config.attributes["connection"] = connection
        command.stamp(config, BEFORE)
        connection.commit()


def test_who_is_neither_owner_nor_member_is_refused_before_anything(school: Database, roles: Roles) -> None:
    school.execute(
        f"grant all on all tables in schema public to {roles.other}", f"grant create on schema public to {roles.other}"
    )
    before = stands(school)
    with pytest.raises(RefusedError) as refused:
        upgrade(as_role(school, roles.other), AFTER)
    assert f"{roles.other} would migrate, but of the tables 18 belong to {roles.owner} " in refused.value.message
    assert f"Connect as {roles.owner}" in refused.value.remedy
    assert stands(school) == before


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_membership_that_was_taken_away_is_told(school: Database, roles: Roles, way: str) -> None:
    """`alter role app set role owner` goes on as app, with a warning that nobody sees."""
    app = quoted(roles.app)
    school.execute(f"grant {roles.owner} to {app}", f"alter role {app} set role {quoted(roles.owner)}")
    try:
        upgrade(as_role(school, roles.app), "9f0ff0e230ac")
        assert school.value("select pg_get_userbyid(relowner) from pg_class where relname = 'school_classes'") == (
            roles.owner
        )
        school.execute(f"revoke {roles.owner} from {app}", f"grant all on all tables in schema public to {app}")
        before = stands(school)
        with pytest.raises(RefusedError, match="it creates would belong to the wrong role"):
            (upgrade if way == "up" else down)(as_role(school, roles.app), AFTER if way == "up" else BEFORE)
        assert stands(school) == before
    finally:
        school.execute(f"alter role {app} reset role", f"revoke {roles.owner} from {app}")


def test_a_member_is_told_how_to_act_as_the_owner(school: Database, roles: Roles) -> None:
    app = quoted(roles.app)
    school.execute(f"grant {roles.owner} to {app}")
    try:
        member = as_role(school, roles.app)
        with pytest.raises(RefusedError) as refused:
            upgrade(member, AFTER)
        assert f"alter role {app} set role {roles.owner}" in refused.value.remedy
        assert f"?options=-crole%3D{roles.owner}" in refused.value.remedy
        url = member.url.update_query_dict({"options": f"-crole={roles.owner}"})
        upgrade(Database(school.server, url), AFTER)
        assert school.rows(OWNERS) == [(roles.owner,)]
    finally:
        school.execute(f"revoke {roles.owner} from {app}")


def test_a_stamp_leaves_no_bookkeeping_to_another_role(school: Database, roles: Roles) -> None:
    """The owner could not go on with a version table that belongs to somebody else."""
    school.execute(
        "drop table alembic_version, migration_journal",
        f"grant all on all tables in schema public to {roles.other}",
        f"grant create on schema public to {roles.other}",
    )
    with pytest.raises(RefusedError, match="it creates would belong to the wrong role"):
        stamp(as_role(school, roles.other))
    assert school.value("select to_regclass('alembic_version')") is None
    stamp(as_role(school, roles.owner))
    assert school.value("select tableowner from pg_tables where tablename = 'alembic_version'") == roles.owner


def test_what_a_superuser_makes_is_handed_over(school: Database, roles: Roles) -> None:
    """With everything that the owner needs to go on alone, and the rights that others would have had from the owner."""
    as_role(school, roles.owner).execute(
        f"alter default privileges in schema public grant select, insert on tables to {roles.other}"
    )
    upgrade(school, HEAD)
    assert school.rows(OWNERS) == [(roles.owner,)]
    assert granted(school, roles.other, "enrollments") == {"SELECT", "INSERT"}
    owner = as_role(school, roles.owner)
    owner.execute(
        "insert into users (email, username, hashed_password, first_name, last_name, role)"
        " values ('a', 'a', '-', 'A', 'A', 'student')",
        "insert into student_profiles (student_id) select id from users",
    )
    down(school, BEFORE)
    assert school.rows(OWNERS) == [(roles.owner,)]
    upgrade(owner, HEAD)
    down(owner, "base")


def test_tables_of_several_owners_are_named(school: Database, roles: Roles) -> None:
    school.execute(f"alter table audit_log owner to {roles.other}")
    with pytest.raises(RefusedError, match=rf"1 belong to {roles.other} \(audit_log\)"):
        upgrade(as_role(school, roles.owner), AFTER)


@pytest.mark.parametrize("why", ["row security is forced", "the owner may create no schema"])
def test_a_superuser_goes_on_alone_where_the_owner_could_not(
    school: Database, roles: Roles, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner, as whom the application may well connect, has all rights on what the superuser makes."""
    if why == "row security is forced":
        school.execute("alter table users enable row level security", "alter table users force row level security")
    else:
        school.execute(f"alter database {school.url.database} owner to postgres")
    upgrade(school, AFTER)
    assert "So it is done as you" in caplog.text
    as_role(school, roles.owner).execute(
        "insert into school_classes (academic_year, code, name) values ('2024-2025', '1', '1')",
        "update school_classes set name = '2'", "delete from school_classes",
    )  # fmt: skip
    assert school.value("show role") == "none"


def test_a_connection_that_was_passed_in_is_given_back_as_it_was(school: Database) -> None:
    config, engine = Config(str(ROOT / "alembic.ini")), school.engine()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, AFTER)
        assert connection.exec_driver_sql("show role").scalar_one() == "none"
        connection.rollback()
        school.execute("create table enrollments_old (id integer)", "alter table enrollments rename to taken")
        with pytest.raises(SurefootError):
            command.downgrade(config, BEFORE)
        connection.rollback()
        assert connection.exec_driver_sql("show role").scalar_one() == "none"
