"""pg_dump and pg_restore as they are run here: the password in the environment, their complaints as our errors."""

import re
import signal
import subprocess
from pathlib import Path
from typing import IO

import psycopg
from sqlalchemy.engine import URL

from surefoot import client_programs
from surefoot.errors import FailedError, SurefootError
from surefoot.operate.backup import backup_access
from surefoot.operate.backup.server_facts import name_of
from surefoot.program import program as this_program
from surefoot.runtime.error_translation import without_password
from surefoot.servers import libpq

DENIED = re.compile(r"permission denied for (?:table|relation|sequence|schema) (\S+)")
HIDDEN = re.compile(r"affected by row-level security policy for table (\S+)")
FULL = re.compile(r"No space left|quota exceeded|File too large|could not extend file|SIGXFSZ", re.IGNORECASE)


def program(name: str, at_least: int) -> Path:
    """The program of that name, as near to version `at_least` as there is; raises UsageError where none will do."""
    return client_programs.program(name, at_least)


def version(binary: Path) -> str:
    """What the program says of itself: `pg_dump (PostgreSQL) 18.4`."""
    return subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout.strip()


def major(told: str) -> int:
    """The major version in what a program says of itself; 0 where there is none."""
    match = re.search(r"\) (\d+)", told)
    return int(match.group(1)) if match else 0


def start(
    binary: Path, arguments: list[str], url: URL | None = None, *, complaints: IO[bytes] | int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Run the program in the background, its complaints in a pipe unless said otherwise."""
    return subprocess.Popen(
        [str(binary), *arguments],
        env=environment(url) if url is not None else None,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints,
    )  # fmt: skip


def environment(url: URL) -> dict[str, str]:
    """What reaches the program: where and as whom to connect, nothing of it in an argument list."""
    return libpq.process_environment(url) | {"PGAPPNAME": f"{this_program()} backup", "LC_ALL": "C"}


def connection_string(url: URL) -> str:
    """The database's name as an argument that is taken for nothing else, whatever characters it has."""
    return psycopg.conninfo.make_conninfo(dbname=name_of(url))


def failed(run: "subprocess.Popen[bytes]", complaint: bytes, url: URL | None, remedy: str) -> SurefootError:
    """What the complaint of a program that ended badly means: its first error, no password, and the remedy."""
    text = complaint.decode("utf-8", "replace")
    name = Path(str(run.args[0] if isinstance(run.args, list) else run.args)).name
    if run.returncode < 0:
        text += f"\nerror: it was ended by {signal.Signals(-run.returncode).name}"
    if url is not None:
        text = without_password(text, url)
        for pattern, sentence in ((DENIED, backup_access.denied_to), (HIDDEN, backup_access.hidden_from)):
            match = pattern.search(text)
            if match and name == "pg_dump":
                return sentence(url.username or "?", [match[1].strip('"')])
    lines = [line.strip() for line in text.splitlines() if line.strip() and "warning: errors ignored" not in line]
    errors = [line for line in lines if "error" in line.lower()] or lines
    said = re.sub(r"^\S*pg_(dump|restore): (error: )?|^error: ", "", errors[0]) if errors else "it did not say why"
    if FULL.search(text):
        remedy = f"The disk is full or a limit is reached: make room there and run the same command again. {remedy}"
    return FailedError(f"{name} failed: {said[:400].rstrip('.')}.", remedy)
