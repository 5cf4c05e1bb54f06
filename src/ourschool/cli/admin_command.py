"""`ourschool admin`: create, reset-password, unlock."""

import os
from typing import Annotated

import typer
from sqlalchemy.engine import URL

from ourschool import admin
from surefoot.cli.context import settings_and_url
from surefoot.cli.options import DatabaseUrl

app = typer.Typer(
    help="Administrators: make the first, set a password anew, unlock.\n\nExample: ourschool admin create",
    no_args_is_help=True,
    add_completion=False,
)

Login = Annotated[str, typer.Argument(help="Email or username.")]
VARIABLE = "ADMIN_PASSWORD"


@app.command()
def create(
    email: Annotated[str, typer.Option(help="Where mail reaches them.")] = "admin@school.invalid",
    username: Annotated[str, typer.Option(help="What they sign in with.")] = "admin",
    database_url: DatabaseUrl = None,
) -> None:
    """Make an administrator, unless there.

    Example: ourschool admin create --email head@school.example

    The password is that of the variable ADMIN_PASSWORD, or else a random one that is shown once.
    """
    account = admin.create(_url(database_url), admin.Person(email, username), _password())
    if account.changed:
        typer.echo(f"Administrator {account.username} was made.")
        _show(account)
    else:
        typer.echo(f"Administrator {account.username} is there already; nothing was changed.")


@app.command("reset-password")
def reset_password(login: Login, database_url: DatabaseUrl = None) -> None:
    """Set a password anew, unlock, and end all sessions.

    Example: ourschool admin reset-password admin

    The password is that of the variable ADMIN_PASSWORD, or else a random one that is shown once.
    """
    account = admin.reset_password(_url(database_url), login, _password())
    typer.echo(f"The password of {account.username} was changed; all their sessions were signed out.")
    _show(account)


@app.command()
def unlock(login: Login, database_url: DatabaseUrl = None) -> None:
    """Open an account that failed logins have locked.

    Example: ourschool admin unlock m.jones
    """
    account = admin.unlock(_url(database_url), login)
    typer.echo(f"{account.username} {'was locked and is open now' if account.changed else 'was not locked'}.")


def _show(account: admin.Account) -> None:
    if account.password is not None:
        typer.echo(f"Password, shown this once: {account.password}")


def _password() -> str | None:
    return os.environ.get(VARIABLE) or None


def _url(database_url: str | None) -> URL:
    return settings_and_url(database_url)[1]
