"""Runs pg_dump and pg_restore: with the password in the environment, and their error output as our errors."""

import re
import signal
import subprocess
from pathlib import Path
from typing import IO

import psycopg
from sqlalchemy.engine import URL

from surefoot import client_programs, search_path
from surefoot.errors import FailedError, SurefootError
from surefoot.operate.backup import backup_access
from surefoot.operate.backup.server_facts import name_of
from surefoot.program import program as this_program
from surefoot.runtime.error_translation import without_password
from surefoot.servers import libpq

DENIED = re.compile(r"permission denied for (?:table|relation|sequence|schema) (\S+)")
HIDDEN = re.compile(r"affected by row-level security policy for table (\S+)")
DISK_FULL = re.compile(r"No space left|quota exceeded|File too large|could not extend file|SIGXFSZ", re.IGNORECASE)


def program(name: str, at_least: int) -> Path:
    """Return the program of that name, as near to the major version `at_least` as possible.

    Raises UsageError without one.
    """
    return client_programs.program(name, at_least)


def version(binary: Path) -> str:
    """Return what the program says of itself: `pg_dump (PostgreSQL) 18.4`."""
    return subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout.strip()


def major(version_text: str) -> int:
    """Return the major version in the output of `--version`; 0 if there is none."""
    match = re.search(r"\) (\d+)", version_text)
    return int(match.group(1)) if match else 0


def start(
    binary: Path, arguments: list[str], url: URL | None = None, *, stderr: IO[bytes] | int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start the program in the background, with its error output in a pipe unless `stderr` says otherwise."""
    return subprocess.Popen(
        [str(binary), *arguments],
        env=environment(url) if url is not None else None,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
    )  # fmt: skip


def finish(process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    """Wait for the program and return its output and error output; kill it if the wait is interrupted."""
    try:
        return process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise


def run(binary: Path, arguments: list[str], remedy: str, url: URL | None = None) -> bytes:
    """Run the program and return its output. Raises what `failed` makes of its error output, with this remedy."""
    process = start(binary, arguments, url)
    stdout, stderr = finish(process)
    if process.returncode:
        raise failed(process, stderr, url, remedy)
    return stdout


def environment(url: URL) -> dict[str, str]:
    """Return the environment of the program: where and as whom to connect, so that no argument contains a password."""
    known = libpq.process_environment(url) | {"PGAPPNAME": f"{this_program()} backup", "LC_ALL": "C"}
    options = search_path.without_path(known.pop("PGOPTIONS", ""))  # it names each schema, and poolers refuse options
    return known | ({"PGOPTIONS": options} if options else {})


def connection_string(url: URL) -> str:
    """Return the name of the database as an argument that cannot be misread, whatever characters it has.

    With it go the limits by which the program ends whose server is not there any more.
    """
    return psycopg.conninfo.make_conninfo(dbname=name_of(url), **libpq.limits(url))


def failed(process: "subprocess.Popen[bytes]", stderr: bytes, url: URL | None, remedy: str) -> SurefootError:
    """Return the error of a program that failed: the first error of its output without a password, and the remedy."""
    text = stderr.decode("utf-8", "replace")
    name = Path(str(process.args[0] if isinstance(process.args, list) else process.args)).name
    if process.returncode < 0:
        text += f"\nerror: it was ended by {signal.Signals(-process.returncode).name}"
    if url is not None:
        text = without_password(text, url)
        for pattern, sentence in ((DENIED, backup_access.permission_error), (HIDDEN, backup_access.row_security_error)):
            match = pattern.search(text)
            if match and name == "pg_dump":
                return sentence(libpq.effective_setting(url, "user"), [match[1].strip('"')])
    lines = [line.strip() for line in text.splitlines() if line.strip() and "warning: errors ignored" not in line]
    errors = [line for line in lines if "error" in line.lower()] or lines
    message = re.sub(r"^\S*pg_(dump|restore): (error: )?|^error: ", "", errors[0]) if errors else "it did not say why"
    if DISK_FULL.search(text):
        remedy = f"The disk is full or a limit is reached: make room there and run the same command again. {remedy}"
    return FailedError(f"{name} failed: {message[:400].rstrip('.')}.", remedy)
