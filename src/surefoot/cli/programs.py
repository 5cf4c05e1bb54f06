"""`surefoot psql`, `surefoot pg_dump` and `surefoot alembic`: run these programs on the project's database."""

import subprocess
import sys

import typer

from surefoot.cli.context import load_settings, settings_and_plain_url
from surefoot.cli.options import DatabaseUrl


def psql(context: typer.Context, database_url: DatabaseUrl = None) -> None:
    """Open psql on the database; its own options pass through, and -? lists them.

    Example: surefoot psql -c 'select * from alembic_version'
    """
    _run("psql", context.args, database_url)


def pg_dump(context: typer.Context, database_url: DatabaseUrl = None) -> None:
    """Dump the database with the pg_dump that fits; its own options pass through, and -? lists them.

    Example: surefoot pg_dump --file backup.sql
    """
    _run("pg_dump", context.args, database_url)


def alembic(context: typer.Context) -> None:
    """Alembic on the revisions here, or those installed with this package; -h lists what it takes.

    Example: surefoot alembic upgrade head
    """
    command = [sys.executable, "-m", "alembic", "-c", str(load_settings().project.ini), *context.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _run(program: str, arguments: list[str], database_url: str | None) -> None:
    # imported here, because the help and `alembic` do not need it
    import sqlalchemy as sa  # noqa: PLC0415

    from surefoot import client_programs, database  # noqa: PLC0415
    from surefoot.servers import libpq  # noqa: PLC0415

    _, url = settings_and_plain_url(database_url, silent=True)
    try:
        binary = client_programs.for_server(program, url)
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    done = subprocess.run([str(binary), *arguments], env=libpq.process_environment(url), check=False)
    raise typer.Exit(done.returncode)
