"""`ourschool admin`, `seed` and `reset` as a person types them on a database at head."""

import os
import re
from collections.abc import Iterator

import pytest
from pwdlib import PasswordHash

from tests.ourschool.history.schools import BASELINE, HEAD, at, upgrade
from tests.support import typed
from tests.support.databases import Database, fresh
from tests.support.servers import Server

CHOSEN = "correct horse %@:/"


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        upgrade(made, "head")
        yield made


@pytest.fixture
def head(template: Database) -> Iterator[Database]:
    with fresh(template.server, template=template.url.database or "") as made:
        yield made


def ourschool(database: Database, *arguments: str, status: int = 0, **variables: str) -> str:
    """All that is shown of the command but which database it works on; the chosen password never is."""
    done = typed.ourschool(database, *arguments, status=status, env={"ADMIN_PASSWORD": ""} | variables)
    assert CHOSEN not in done.stdout + done.stderr
    return done.stdout + re.sub(r"^(Database .* \(URL from|Waiting for ).*\n", "", done.stderr, flags=re.MULTILINE)


def fits(database: Database, password: str) -> bool:
    stored = str(database.value("select hashed_password from users where username = 'admin'"))
    assert stored.startswith("$argon2id$")
    return PasswordHash.recommended().verify(password, stored)


@pytest.mark.promise("T1")
def test_the_first_administrator_is_made_with_a_password_shown_once(head: Database) -> None:
    said = ourschool(head, "admin", "create")
    shown = said.split("Password, shown this once: ")[1].strip()
    assert fits(head, shown)
    assert head.rows("select role, must_change_password from users") == [("admin", True)]

    again = ourschool(head, "admin", "create", "--username", "ADMIN", ADMIN_PASSWORD=CHOSEN)
    assert again == "Administrator admin is there already; nothing was changed.\n"
    assert fits(head, shown), "the original reset it"
    assert head.value("select count(*) from users") == 1


@pytest.mark.promise("T1")
def test_with_a_password_from_the_environment(head: Database) -> None:
    said = ourschool(head, "admin", "create", ADMIN_PASSWORD=CHOSEN)
    assert said == "Administrator admin was made.\n"
    assert fits(head, CHOSEN)
    assert head.rows("select must_change_password from users") == [(False,)]


@pytest.mark.promise("T9")
def test_a_forgotten_password_and_a_locked_account(head: Database) -> None:
    ourschool(head, "admin", "create")
    head.execute(
        "update users set failed_login_attempts = 5, locked_until = now() + interval '1 day'",
        "insert into user_sessions (user_id, token_hash, expires_at) "
        "select id, 'x', now() + interval '1 day' from users",
    )
    assert ourschool(head, "admin", "unlock", "ADMIN@school.invalid") == "admin was locked and is open now.\n"
    assert ourschool(head, "admin", "unlock", "admin") == "admin was not locked.\n"
    ourschool(head, "admin", "reset-password", "admin", ADMIN_PASSWORD=CHOSEN)
    assert fits(head, CHOSEN)
    assert head.value("select revoked_at is not null from user_sessions") is True


def test_what_is_refused(head: Database) -> None:
    assert "0 users have the email or username 'nobody'" in ourschool(head, "admin", "unlock", "nobody", status=2)
    assert "The password has 5 characters" in ourschool(head, "admin", "create", status=2, ADMIN_PASSWORD="short")
    ourschool(head, "admin", "create")
    head.execute("update users set role = 'teacher'")
    assert "is a teacher, not an administrator" in ourschool(head, "admin", "create", status=3)


def test_a_database_that_is_behind(scratch: Database) -> None:
    upgrade(scratch, BASELINE)
    assert "The database is not at head" in ourschool(scratch, "admin", "create", status=4)
    assert scratch.value("select count(*) from users") == 0


@pytest.mark.promise("E9", "E4")
def test_a_reset_needs_a_database_that_is_marked(head: Database) -> None:
    ourschool(head, "admin", "create")
    said = ourschool(head, "reset", status=3)
    assert "is not marked as one for development" in said
    assert head.value("select count(*) from users") == 1

    said = ourschool(head, "reset", "--students", "20", "--yes", "--no-backup", OURSCHOOL_DEVELOPMENT="yes")
    assert "rows in" in said
    assert at(head) == [HEAD]
    assert head.value("select count(*) from users where role = 'student'") == 20
    assert head.value("select count(*) from users where username = 'admin'") == 0
    assert os.environ.get("OURSCHOOL_DEVELOPMENT") is None
