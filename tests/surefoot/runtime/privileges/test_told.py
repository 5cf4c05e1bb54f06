"""A role that lacks or lost a right is named, with the statement to paste: by status, the rehearsal and the upgrade."""

import logging
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.errors import RefusedError
from surefoot.operate import change
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.rehearse.data_checks import rights_lost
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.operate.rehearse.rehearsal_result import Rehearsal
from surefoot.operate.status.health import HealthFinding, find_problems
from surefoot.settings import Settings
from tests.ourschool.history.schools import catalogue, upgrade
from tests.support.databases import Database
from tests.surefoot.runtime.privileges.conftest import Roles, as_role, quoted
from tests.surefoot.runtime.privileges.test_following import AFTER, GIVE_ALL, NEXT, give

MOST = "grant select on users, terms, subjects, lessons, term_subjects, api_keys to {app}"


def missing(database: Database) -> list[HealthFinding]:
    engine = database.engine()
    with engine.connect() as connection:
        return [each for each in find_problems(connection) if each.kind == "missing rights"]


def test_status_names_who_was_forgotten_by_an_upgrade_of_former_times(school: Database, roles: Roles) -> None:
    """As the package before this one left it: all rights on the tables from before, none on those it made."""
    owner = as_role(school, roles.owner)
    upgrade(owner, AFTER)
    assert missing(owner) == []
    new = "school_classes, student_profiles, guardianships, enrollments"
    give(school, roles.app, *GIVE_ALL, f"revoke all on {new} from {{app}}")
    (found,) = missing(owner)
    assert found.what == (
        f"Role {roles.app} has rights on 18 tables and none on 4 others (enrollments, guardianships, school_classes, "
        "student_profiles)"
    )
    statement, _, rest = found.remedy.partition(";")
    assert rest == " Where that is meant, leave it."
    owner.execute(statement)
    assert missing(owner) == []


def test_status_leaves_those_alone_who_look_at_a_few_tables(school: Database, roles: Roles) -> None:
    give(school, roles.other, "grant select on users, terms to {app}")
    give(school, roles.app, "grant select (id) on users to {app}")
    assert missing(school) == []


def test_the_application_that_owns_the_old_tables_is_named_too(school: Database, roles: Roles) -> None:
    """A superuser who migrated with a package of former times made the new tables his own."""
    school.execute("create table school_classes (id bigint primary key)")
    (found,) = missing(school)
    assert found.what == f"Role {roles.owner} has rights on 18 tables and none on 1 others (school_classes)"


@pytest.fixture
def settings(project: Path) -> Settings:
    return Settings(PROJECT.at(project))


def rehearsed(settings: Settings, database: Database) -> Rehearsal:
    found = rehearse(settings, database.url, RehearsalOptions(fresh=True, target=NEXT), say=lambda _: None)
    assert found is not None
    return found


def test_the_rehearsal_names_who_gets_none(school: Database, roles: Roles, settings: Settings) -> None:
    give(school, roles.app, *GIVE_ALL)
    give(school, roles.other, MOST)
    found = rehearsed(settings, as_role(school, roles.owner))
    (line,) = found.rights
    assert line.startswith(f"Role {roles.other} has rights on 6 tables and none on 13 others (")
    assert f"student_assignments, student_term_grades, system_settings, user_sessions to {roles.other};" in line
    assert found.holds, found.problems


def test_a_right_that_is_lost_with_something_that_is_still_there(school: Database, roles: Roles) -> None:
    give(school, roles.app, "grant select, update on users to {app}", "grant update (name) on terms to {app}")
    before = catalogue(school)
    give(school, roles.app, "revoke update on users from {app}", "revoke update (name) on terms from {app}")
    assert list(rights_lost(before, before)) == []
    assert sorted(rights_lost(before, catalogue(school))) == [
        f"Role {roles.app} loses update on column terms.name", f"Role {roles.app} loses update on table users",
    ]  # fmt: skip


def test_the_upgrade_names_them_before_it_asks_and_when_it_ends(
    school: Database, roles: Roles, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    give(school, roles.other, MOST)
    owner = as_role(school, roles.owner)
    plan = change.plan_upgrade(settings, owner.url, NEXT)
    assert f"Role {roles.other} has rights on some tables and no one right on all of them" in plan.warnings[0]
    with caplog.at_level(logging.WARNING, "surefoot"):
        upgrade(owner, NEXT)
    assert f"grant select on school_classes to {quoted(roles.other)}".replace('"', "") in caplog.text.replace('"', "")


def test_who_is_not_the_owner_is_refused_before_the_question(
    school: Database, roles: Roles, settings: Settings
) -> None:
    school.execute(f"grant all on all tables in schema public to {quoted(roles.app)}")
    with pytest.raises(RefusedError, match="it creates would belong to the wrong role"):
        change.plan_upgrade(settings, as_role(school, roles.app).url, NEXT)
