"""Creates an administrator, resets a password, unlocks an account."""

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Row

from surefoot import database
from surefoot.errors import FailedError, RefusedError, UsageError
from surefoot.program import alembic_command

LEAST_CHARACTERS = 10
"""The least number of characters of a given password."""

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
    """The account of a command, whether it was changed, and the generated password, which is to be shown once."""

    username: str
    changed: bool
    password: str | None = None


@dataclass(frozen=True)
class Person:
    """The administrator to create."""

    email: str
    username: str
    first_name: str = "School"
    last_name: str = "Administrator"


def create(url: URL, person: Person, password: str | None = None) -> Account:
    """Create an administrator; without `password`, with a random one that must be changed at the first sign-in.

    An administrator with that email or username, in any case, is left unchanged. Raises RefusedError where a user of
    another role has it, UsageError for a password that is too short, FailedError where the database is not at head.
    """
    chosen = _checked(password)
    with _at_head(url) as connection:
        for user in _users(connection, person.email, person.username):
            if user.role != "admin":
                raise RefusedError(
                    f"{user.username!r} has that email or username and is a {user.role}, not an administrator.",
                    "Give another --email and --username.",
                )
            return Account(user.username, changed=False)
        connection.execute(
            sa.insert(users).values(
                email=person.email, username=person.username, first_name=person.first_name, last_name=person.last_name,
                role="admin", hashed_password=_hash(chosen), must_change_password=password is None,
            )
        )  # fmt: skip
    return Account(person.username, changed=True, password=None if password else chosen)


def reset_password(url: URL, login: str, password: str | None = None) -> Account:
    """Set the password of a user by email or username, unlock the account, and revoke its sessions.

    Raises UsageError unless exactly one user has that login, and for a password that is too short.
    """
    chosen = _checked(password)
    with _at_head(url) as connection:
        user = _single_user(connection, login)
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
    """Unlock the account of a user by email or username. Raises UsageError unless exactly one user has that login."""
    with _at_head(url) as connection:
        user = _single_user(connection, login)
        connection.execute(
            sa.update(users).where(users.c.id == user.id).values(failed_login_attempts=0, locked_until=None)
        )
    locked = user.locked_until is not None or user.failed_login_attempts > 0
    return Account(user.username, changed=locked)


@contextmanager
def _at_head(url: URL) -> Iterator[Connection]:
    """Yield a connection in a transaction. A missing table or column raises FailedError: it is not at head."""
    engine = database.engine_for(url, application_name="ourschool admin")
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.ProgrammingError as fault:
        if getattr(fault.orig, "sqlstate", None) not in {"42P01", "42703"}:
            raise database.explain(fault, url) from fault
        raise FailedError(
            "The database is not at head: it lacks a table or column of the accounts.",
            f"Run {alembic_command()} upgrade head, then the same command again.",
        ) from fault
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault


def _users(connection: Connection, *logins: str) -> list[Row[tuple[object, ...]]]:
    lowered = [login.lower() for login in logins]
    return list(
        connection.execute(
            sa.select(users)
            .where(users.c.deleted_at.is_(None))
            .where(sa.func.lower(users.c.email).in_(lowered) | sa.func.lower(users.c.username).in_(lowered))
            .order_by(users.c.id)
        )
    )


def _single_user(connection: Connection, login: str) -> Row[tuple[object, ...]]:
    matches = _users(connection, login)
    if len(matches) != 1:
        raise UsageError(
            f"{len(matches)} users have the email or username {login!r}.",
            "Give it as it is stored: ourschool psql -c 'select username, email from users'.",
        )
    return matches[0]


def _checked(password: str | None) -> str:
    if password is not None and len(password) < LEAST_CHARACTERS:
        raise UsageError(
            f"The password has {len(password)} characters.",
            f"Choose one of {LEAST_CHARACTERS} or more, or none: a random one is made and shown once.",
        )
    return password or secrets.token_urlsafe(12)


def _hash(password: str) -> str:
    from pwdlib import PasswordHash  # noqa: PLC0415  # slow to import, and only needed to set a password

    return PasswordHash.recommended().hash(password)
