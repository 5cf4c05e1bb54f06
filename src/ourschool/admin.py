"""Administrators: the first one made, a forgotten password set anew, a locked account opened; each explicit."""

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Row

from surefoot import database
from surefoot.errors import FailedError, RefusedError, UsageError

SHORTEST = 10
"""Characters of a password that somebody chose."""

users = sa.table(
    "users",
    *(
        sa.column(name)
        for name in (
            "id", "email", "username", "hashed_password", "first_name", "last_name", "role", "must_change_password",
            "failed_login_attempts", "locked_until", "deleted_at",
        )
    ),
)  # fmt: skip
sessions = sa.table("user_sessions", sa.column("user_id"), sa.column("revoked_at"))


@dataclass(frozen=True)
class Account:
    """Whose it is, whether anything was done, and the password where it was made up: to be shown once."""

    username: str
    changed: bool
    password: str | None = None


@dataclass(frozen=True)
class Person:
    """The administrator to make."""

    email: str
    username: str
    first_name: str = "School"
    last_name: str = "Administrator"


def create(url: URL, person: Person, password: str | None = None) -> Account:
    """Make an administrator, with a random password to be changed at the first sign-in unless one is given.

    Who is there already, by email or username whatever its case, stays as they are. Raises RefusedError where that is
    somebody who is no administrator, UsageError for a password that is too short.
    """
    chosen = _chosen(password)
    with _at_head(url) as connection:
        for there in _found(connection, person.email, person.username):
            if there.role != "admin":
                raise RefusedError(
                    f"{there.username!r} has that email or username and is a {there.role}, not an administrator.",
                    "Give another --email and --username.",
                )
            return Account(there.username, changed=False)
        connection.execute(
            sa.insert(users).values(
                email=person.email, username=person.username, first_name=person.first_name, last_name=person.last_name,
                role="admin", hashed_password=_hash(chosen), must_change_password=password is None,
            )
        )  # fmt: skip
    return Account(person.username, changed=True, password=None if password else chosen)


def reset_password(url: URL, login: str, password: str | None = None) -> Account:
    """Give the user of that email or username another password, open the account, and end its sessions."""
    chosen = _chosen(password)
    with _at_head(url) as connection:
        user = _one(connection, login)
        connection.execute(
            sa.update(users)
            .where(users.c.id == user.id)
            .values(
                hashed_password=_hash(chosen), must_change_password=password is None,
                failed_login_attempts=0, locked_until=None,
            )
        )  # fmt: skip
        connection.execute(
            sa.update(sessions)
            .where(sessions.c.user_id == user.id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=dt.datetime.now(dt.UTC))
        )
    return Account(user.username, changed=True, password=None if password else chosen)


def unlock(url: URL, login: str) -> Account:
    """Open the account of that email or username; the password stays."""
    with _at_head(url) as connection:
        user = _one(connection, login)
        connection.execute(
            sa.update(users).where(users.c.id == user.id).values(failed_login_attempts=0, locked_until=None)
        )
    locked = user.locked_until is not None or user.failed_login_attempts > 0
    return Account(user.username, changed=locked)


@contextmanager
def _at_head(url: URL) -> Iterator[Connection]:
    """One transaction on a database that has all of these columns."""
    engine = database.engine_for(url, application_name="ourschool admin")
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.ProgrammingError as fault:
        if getattr(fault.orig, "sqlstate", None) not in {"42P01", "42703"}:
            raise database.explain(fault, url) from fault
        raise FailedError(
            "The database is not at head: it lacks a table or column of the accounts.",
            "Run python -m alembic upgrade head, then the same command again.",
        ) from fault
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault


def _found(connection: Connection, *logins: str) -> list[Row[tuple[object, ...]]]:
    wanted = [login.lower() for login in logins]
    return list(
        connection.execute(
            sa.select(users)
            .where(users.c.deleted_at.is_(None))
            .where(sa.func.lower(users.c.email).in_(wanted) | sa.func.lower(users.c.username).in_(wanted))
            .order_by(users.c.id)
        )
    )


def _one(connection: Connection, login: str) -> Row[tuple[object, ...]]:
    found = _found(connection, login)
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} users have the email or username {login!r}.",
            "Give it as it is stored: ourschool psql -c 'select username, email from users'.",
        )
    return found[0]


def _chosen(password: str | None) -> str:
    if password is not None and len(password) < SHORTEST:
        raise UsageError(
            f"The password has {len(password)} characters.",
            f"Choose one of {SHORTEST} or more, or none: a random one is made and shown once.",
        )
    return password or secrets.token_urlsafe(12)


def _hash(password: str) -> str:
    from pwdlib import PasswordHash  # noqa: PLC0415  # only who sets a password waits for it

    return PasswordHash.recommended().hash(password)
