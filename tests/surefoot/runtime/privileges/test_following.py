"""The rights of other roles follow to the tables that an upgrade makes; nobody gets more than they had."""

import logging

import pytest
from alembic import command
from alembic.config import Config

from surefoot.errors import FailedError, UsageError
from tests.ourschool.history.schools import BASELINE, HEAD, make_existing, upgrade
from tests.ourschool.history.schools import downgrade as down
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.runtime.privileges.conftest import BEFORE, Roles, as_role, denied, granted, owned, quoted

NEXT, AFTER = "9f0ff0e230ac", "683d2e072479"
"""school_classes, in one transaction; and four revisions on, one of which backfills: online, committed in parts."""
ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
EVERY_RIGHT = """
select count(*) filter (where not has_table_privilege('{0}', oid, 'select, insert'))
     + count(*) filter (where not has_table_privilege('{0}', oid, 'update'))
     + count(*) filter (where not has_table_privilege('{0}', oid, 'delete'))
  from pg_class
 where relnamespace = 'public'::regnamespace and relkind = 'r' and relname not in ('alembic_version',
       'migration_definitions', 'migration_journal')
"""
GIVE_ALL = (
    "grant select, insert, update, delete on all tables in schema public to {app}",
    "grant usage on all sequences in schema public to {app}",
    "revoke all on migration_journal, alembic_version from {app}",
)


def give(database: Database, role: str, *statements: str) -> None:
    database.execute(*(each.format(app=quoted(role) if role != "public" else role) for each in statements))


def test_an_application_of_its_own_works_after_the_upgrade_as_before(
    newest: Server, roles: Roles, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way of a real school, by an owner with nothing but CREATEDB: up, down to the baseline, up."""
    with fresh(newest) as database:
        owned(database, roles.owner)
        owner, app = as_role(database, roles.owner), as_role(database, roles.app)
        make_existing(owner)
        give(database, roles.app, GIVE_ALL[0], GIVE_ALL[1], "revoke all on alembic_version from {app}",
             "revoke all on migration_journal from {app}")  # fmt: skip
        before = (
            "insert into users (email, username, hashed_password, first_name, last_name, role)"
            " values ('{0}', '{0}', '-', 'N', 'N', 'student')"
        )
        app.execute(before.format("n1"))
        for turn in range(2):
            caplog.clear()
            with caplog.at_level(logging.INFO, "surefoot"):
                upgrade(owner, HEAD)
            name = roles.app.replace("'", "''")
            assert database.value(EVERY_RIGHT.format(name)) == 0
            assert turn or f"Role {roles.app} may select, insert, update, delete user_sessions" in caplog.text
            assert database.value(
                "select count(*) > 15 from migration_journal"
                " where note like '%grant select, insert, update, delete on %'"
            )
            _works(app)
            if not turn:
                down(owner, BASELINE)
                app.execute(before.format("after the way back"))


def _works(app: Database) -> None:
    """What every application does, each of it with a trigger behind."""
    app.execute(
        "insert into users (email, username, hashed_password, first_name, last_name, role) values"
        " ('s', 's', '-', 'S', 'S', 'student'), ('t', 't', '-', 'T', 'T', 'teacher')",
        "insert into point_transactions (student_id, amount, type, awarded_by)"
        " select s.id, 5, 'earned', t.id from users s, users t where s.username = 's' and t.username = 't'",
        "insert into system_settings (key, value, type) values ('one', '[1]', 'json')",
        "update system_settings set value = '[2]' where key = 'one'",
        "insert into tests (title, held_on, max_marks) values ('x', now(), 10)",
        "insert into marks (test_id, student_id, marks) select max(tests.id), max(users.id), 3 from tests, users",
        "insert into audit_log (action, entity, actor_id) select 'x', 'users', id from users where username = 't'",
    )
    assert app.value("select balance from student_points join users u on u.id = student_id where username = 's'") == 5
    assert app.value("select awarded_by_name from point_transactions order by id desc limit 1") == "T T"
    assert app.value("select count(*) from settings_changes where setting_key = 'one'") in {2, 5}
    app.execute("delete from marks", "delete from tests", "delete from system_settings")
    app.execute("delete from users where username in ('s', 't')")
    assert app.value("select count(*) from student_points") == 0


@pytest.mark.parametrize("who", ["app", "public"])
def test_what_a_role_has_on_all_tables_follows_and_no_more(school: Database, roles: Roles, who: str) -> None:
    role = roles.app if who == "app" else "public"
    give(school, role, "grant select on all tables in schema public to {app}", "grant update on users to {app}")
    give(school, roles.other, "grant select, insert on users, terms, subjects to {app}")
    upgrade(as_role(school, roles.owner), AFTER)
    for table in ("school_classes", "student_profiles", "guardianships", "enrollments"):
        assert granted(school, role, table) == {"SELECT"}
        assert granted(school, roles.other, table) == set(), "it works with three tables, and has no common set"


def test_a_right_to_pass_on_follows_as_one(school: Database, roles: Roles) -> None:
    give(school, roles.app, "grant select, insert on all tables in schema public to {app}",
         "grant select on all tables in schema public to {app} with grant option")  # fmt: skip
    upgrade(as_role(school, roles.owner), NEXT)
    assert granted(school, roles.app, "school_classes") == {"SELECT*", "INSERT"}


def test_a_group_gets_it_for_its_members(school: Database, roles: Roles) -> None:
    school.execute(f"grant {roles.other} to {quoted(roles.app)}")
    try:
        give(school, roles.other, GIVE_ALL[0])
        upgrade(as_role(school, roles.owner), NEXT)
        assert granted(school, roles.other, "school_classes") == ALL
        assert granted(school, roles.app, "school_classes") == set()
        assert as_role(school, roles.app).value("select count(*) from school_classes") == 0
    finally:
        school.execute(f"revoke {roles.other} from {quoted(roles.app)}")


def test_rights_on_columns_are_no_rights_on_tables(school: Database, roles: Roles) -> None:
    give(school, roles.app, "grant select (id, username), update (theme) on users to {app}")
    upgrade(as_role(school, roles.owner), AFTER)
    assert granted(school, roles.app, "school_classes") == set()
    assert as_role(school, roles.app).rows("select id, username from users") == []


def test_rights_on_a_column_follow_it_through_a_change_of_its_type(newest: Server, roles: Roles) -> None:
    """users.role becomes text by a column beside it, up and down."""
    with fresh(newest) as database:
        owned(database, roles.owner)
        owner = as_role(database, roles.owner)
        upgrade(owner, "62d0b7f4a93e")
        give(database, roles.app, "grant select (id, role), update (role) on users to {app}")
        upgrade(owner, "1f95c3e8d704")
        as_role(database, roles.app).execute("update users set role = 'admin' where id = 7")
        assert denied(as_role(database, roles.app), "select email from users")
        down(owner, "62d0b7f4a93e")
        as_role(database, roles.app).execute("update users set role = 'admin' where id = 7")


def test_what_was_revoked_stays_revoked_and_what_comes_back_has_its_own(school: Database, roles: Roles) -> None:
    give(school, roles.app, *GIVE_ALL)
    owner = as_role(school, roles.owner)
    upgrade(owner, AFTER)
    give(school, roles.app, "revoke update, delete on enrollments from {app}",
         "revoke all on student_profiles from {app}")  # fmt: skip
    school.execute(  # what has rows is set aside, and comes back itself
        "insert into users (email, username, hashed_password, first_name, last_name, role)"
        " values ('a', 'a', '-', 'A', 'A', 'student')",
        "insert into school_classes (academic_year, code, name) values ('2024-2025', '1', '1')",
        "insert into student_profiles (student_id) select id from users",
        "insert into enrollments (student_id, class_id) select u.id, c.id from users u, school_classes c",
    )
    down(owner, BEFORE)
    upgrade(owner, AFTER)
    assert granted(school, roles.app, "enrollments") == {"SELECT", "INSERT"}
    assert granted(school, roles.app, "student_profiles") == set()
    assert granted(school, roles.app, "guardianships") == ALL


def test_a_run_that_was_cut_off_after_a_part_leaves_nobody_without(school: Database, roles: Roles) -> None:
    """The table is committed before its revision is recorded; the next run finds it among those that were there."""
    give(school, roles.app, *GIVE_ALL)
    owner = as_role(school, roles.owner)
    upgrade(owner, "e10cd28b0218")
    config, engine = Config(str(ROOT / "alembic.ini")), owner.engine()

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    config.attributes["applied"] = cut_off
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(FailedError):
            command.upgrade(config, "01314a237f6e")
    assert school.value("select to_regclass('assignment_time_entries') is not null"), (
        "it was cut off before its first commit"
    )
    upgrade(owner, "a122ecf1e7b5")
    assert granted(school, roles.app, "assignment_time_entries") == ALL
    assert granted(school, roles.app, "withdrawal_requests") == ALL


def test_tables_that_are_not_the_schools_do_not_count(school: Database, roles: Roles) -> None:
    school.execute(f"create table notes (id serial); alter table notes owner to {roles.owner}")
    give(school, roles.app, *GIVE_ALL, "revoke all on notes from {app}")
    upgrade(as_role(school, roles.owner), NEXT)
    assert granted(school, roles.app, "school_classes") == ALL
    assert granted(school, roles.app, "notes") == set()


def test_a_setting_names_the_role(newest: Server, roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a new school, where nobody has a right on anything yet."""
    monkeypatch.setenv("OURSCHOOL_APPLICATION_ROLE", f"{roles.app}:select,insert,update,delete")
    with fresh(newest) as database:
        owned(database, roles.owner)
        database.execute("revoke all on schema public from public")
        upgrade(as_role(database, roles.owner), HEAD)
        assert database.value(EVERY_RIGHT.format(roles.app)) == 0
        _works(as_role(database, roles.app))


def test_a_setting_says_what_the_role_may(school: Database, roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURSCHOOL_APPLICATION_ROLE", f"{roles.other}: Select , insert")
    give(school, roles.other, *GIVE_ALL)
    upgrade(as_role(school, roles.owner), NEXT)
    assert granted(school, roles.other, "school_classes") == {"SELECT", "INSERT"}


def test_a_role_that_there_is_not_is_refused_before_anything(
    school: Database, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURSCHOOL_APPLICATION_ROLE", "nobody_of_this_name")
    with pytest.raises(UsageError, match="OURSCHOOL_APPLICATION_ROLE names 'nobody_of_this_name'"):
        upgrade(as_role(school, roles.owner), NEXT)
    assert school.value("select version_num from alembic_version") == BEFORE


@pytest.mark.parametrize("text", ["app:", "app:select,fly", ":select", "app:grant"])
def test_a_setting_that_says_nothing_is_refused(text: str, school: Database) -> None:
    done = school.alembic("upgrade", NEXT, env={"OURSCHOOL_APPLICATION_ROLE": text}, status=2)
    assert "OURSCHOOL_APPLICATION_ROLE is " in done.stderr
