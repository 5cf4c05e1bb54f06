"""What holds of every command alike: help, JSON, width on a terminal, and a password that is never shown."""

import fcntl
import logging
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from psycopg import sql

from ourschool import cli
from tests.support import forked, json_shapes
from tests.support.commands import PASSED_THROUGH, commands
from tests.support.databases import Database
from tests.support.servers import Server
from tests.support.typed import too_wide
from tests.surefoot.commands.revisions import HEAD, released

COMMANDS = dict(commands())
PASSWORD = "hunter2'%&é x"
COPY = "copy_of_the_school"
ENCODED = "hunter2%27%25%26%C3%A9%20x"


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str
    log: str

    @property
    def everything(self) -> str:
        return self.out + self.err + self.log


class Typist:
    """Types commands into this process, in a project's folder and with an environment of its own: quick, and all real
    but the interpreter's start. A traceback is an error of the test."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        self.monkeypatch, self.capfd, self.caplog = monkeypatch, capfd, caplog

    def types(self, *words: str) -> Said:
        self.monkeypatch.setattr(sys, "argv", ["ourschool", *words])
        self.caplog.clear()
        self.capfd.readouterr()
        with self.caplog.at_level(logging.INFO), pytest.raises(SystemExit) as end:
            cli.main()
        out, err = self.capfd.readouterr()
        return Said(int(end.value.code or 0), out, err, self.caplog.text)


@pytest.fixture
def person(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    project: Path,
) -> Typist:
    for name in [name for name in os.environ if name.startswith(("PG", "OURSCHOOL_", "DATABASE_URL", "ADMIN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(project)
    return Typist(monkeypatch, capfd, caplog)


@pytest.fixture
def with_password(at_head: Database) -> Iterator[Database]:
    """The database at head as somebody sees it who has to show a password."""
    name = f"p_{at_head.url.database}"
    with at_head.server.connect() as admin:
        made = sql.SQL("create role {} superuser login password {}")
        admin.execute(made.format(sql.Identifier(name), sql.Literal(PASSWORD)))
        yield replace(at_head, url=at_head.server.over_tcp(name, PASSWORD, str(at_head.url.database)))
        kept = admin.execute("select datname from pg_database where datdba = %s::regrole", [name]).fetchall()
        for database in (COPY, *(str(each) for (each,) in kept)):  # lint and prove have kept some to clone them again
            admin.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(database)))
        at_head.execute(f"reassign owned by {name} to postgres")
        admin.execute(sql.SQL("reassign owned by {} to postgres").format(sql.Identifier(name)))
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_stands_in_eighty_columns(person: Typist, words: tuple[str, ...]) -> None:
    said = person.types(*words, "--help")
    assert (said.status, said.err) == (0, "")
    assert re.search(rf"^ *Example: ourschool {' '.join(words)}\b", said.out, re.MULTILINE), said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert "--install-completion" not in said.out


def test_the_help_of_all_has_an_example(person: Typist) -> None:
    said = person.types("--help")
    assert "Example: ourschool status" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_short_h_helps_as_well(person: Typist, words: tuple[str, ...]) -> None:
    if words[0] in PASSED_THROUGH:  # theirs is another one: -h is psql's host
        assert person.types(*words, "-h").out != person.types(*words, "--help").out
    else:
        assert person.types(*words, "-h").out == person.types(*words, "--help").out


def test_the_help_of_all_is_in_parts_by_what_one_wants_to_do(person: Typist) -> None:
    said = person.types("-h").out
    parts = re.findall("^╭─ (.+?) ─+╮$", said, re.MULTILINE)
    assert parts == [
        "Options", "See where the database stands", "Change the database", "Backups", "Write revisions", "Schools",
        "Other programs",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"), [("upgrad", "upgrade"), ("stauts", "status"), ("backup lst", "list"), ("pgdump", "pg_dump")]
)
def test_a_word_that_is_nearly_a_command_is_told_which(person: Typist, typed: str, meant: str) -> None:
    said = person.types(*typed.split())
    assert said.status == 2
    assert f"No such command '{typed.rsplit(maxsplit=1)[-1]}'. Did you mean '{meant}'?" in said.err


def test_the_versions_are_told_in_a_line(person: Typist) -> None:
    said = person.types("--version")
    assert re.fullmatch(r"ourschool \d+\.\d+\.\d+ \(alembic .+, sqlalchemy .+, psycopg .+, Python .+\)\n", said.out)


RUNS = (
    ("status --tables --history --html status.html", 0),
    ("history --html history.html", 0),
    ("identify", 0),
    (f"adopt {HEAD}", 0),
    ("rehearse --html rehearsal.html", 0),
    ("upgrade", 0),
    ("rollback -1 --yes", 0),
    ("ensure", 0),
    ("work", 0),
    ("purge", 0),
    ("admin create", 0),
    ("admin reset-password admin", 0),
    ("admin unlock admin", 0),
    ("backup", 0),
    ("backup list", 0),
    ("backup verify latest", 0),
    ("backup verify latest --files-only", 0),
    ("backup prune --keep 2", 0),
    (f"restore latest --into {COPY} --yes", 0),
    ("restore --old", 0),
    ("new add_nothing_to_users_at_all", 0),
    ("rebase", 0),
    ("prove 8b06d2e94c17", 0),
    ("lint cd0edd614cc5", 0),
    ("check", 0),
    ("seed --students 2 --years 1", 3),
    ("reset", 3),
    ("psql -Atc select", 0),
    ("pg_dump --schema-only --table alembic_version", 0),
    ("alembic current --verbose", 0),
)
"""A run of every command in this order on one database, and how it ends; early revisions, head takes half a minute."""
READING = (
    "status --tables --history --html status.html", "history --html history.html", "identify",
    "rehearse --html rehearsal.html", f"adopt {HEAD}", "backup list",
    "backup verify latest", "backup verify latest --files-only", "restore --old", "prove 8b06d2e94c17",
    "lint cd0edd614cc5", "check",
)  # fmt: skip


CHANGES_THINGS = {("new",), ("backup",), ("rebase",)}
"""Their --json tells what was done; tests of their own read it."""


def test_every_command_is_run_and_every_json_is_read() -> None:
    assert {words_of(line) for line, _ in RUNS} | {("admin",)} == set(COMMANDS), "add what is new to RUNS"
    with_json = {words for words in COMMANDS if "--json" in options(words)}
    assert {words_of(line) for line in READING} == with_json - CHANGES_THINGS, "add what is new to READING"


def words_of(line: str) -> tuple[str, ...]:
    """The command that the line types, without what it gives to it."""
    words = tuple(line.split())
    return words[:2] if words[:2] in COMMANDS else words[:1]


def options(words: tuple[str, ...]) -> set[str]:
    return {option for parameter in COMMANDS[words].params for option in parameter.opts}


@pytest.mark.promise("O5")
def test_a_right_password_is_in_no_output_which_stands_in_eighty_columns(
    person: Typist, with_password: Database, project: Path
) -> None:
    (project / "alembic" / "released.txt").write_text("\n".join(released(project)))  # else check lints every revision
    person.monkeypatch.setenv("DATABASE_URL", with_password.url.render_as_string(False))
    person.monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)
    for line, status in RUNS:
        said = person.types(*line.split())
        assert said.status == status, (line, said)
        hidden(said, line)
        if line.split()[0] not in PASSED_THROUGH:
            assert too_wide(said.out) == [], line
        if line in READING:
            told = person.types(*line.split(), "--json")
            assert told.status == status, (line, told)
            hidden(told, line)
            assert json_shapes.faults(line.split(), told.out) == [], line
    for page in ("status", "history"):
        assert not any(secret in (project / f"{page}.html").read_text("utf-8") for secret in (PASSWORD, ENCODED))


def hidden(said: Said, line: str) -> None:
    for secret in (PASSWORD, ENCODED, "hunter2"):
        assert secret not in said.everything, (line, said)


WITHOUT_A_SERVER = {
    "backup list": 0,
    "backup prune --keep 2": 0,
    "backup verify latest": 2,
    "backup verify latest --files-only": 2,
    f"restore latest --into {COPY} --yes": 2,
    "rebase": 0,
}
"""What needs no server, or finds before it asks one that there is no backup, or one head."""


@pytest.mark.promise("O5")
@pytest.mark.parametrize("fault", ["wrong", "unreachable", "malformed"])
def test_a_wrong_one_is_in_no_output_and_is_one_sentence(person: Typist, newest: Server, fault: str) -> None:
    url = {
        "wrong": newest.over_tcp("postgres", PASSWORD, "postgres").render_as_string(False),
        "unreachable": f"postgresql://school:{ENCODED}@127.0.0.1:1/school",
        "malformed": f"postgresql//school:{ENCODED}@host/school",
    }[fault]
    person.monkeypatch.setenv("DATABASE_URL", url)
    person.monkeypatch.setenv("OURSCHOOL_DEVELOPMENT", "yes")
    for line, _ in RUNS:
        said = person.types(*line.split())
        hidden(said, line)
        assert said.status == WITHOUT_A_SERVER.get(line, 2 if fault == "malformed" else 4), (line, said)
        if said.status and line != "ensure":  # which tells it in the log
            assert re.search(r"^ourschool: .*\.\n→ .+\n\Z", said.err, re.MULTILINE | re.DOTALL), (line, said)


ON_A_TERMINAL = ("status", "history", "backup list", "identify", "--help", "backup --help")


def test_on_a_terminal_of_eighty_columns(at_head: Database, project: Path) -> None:
    environment = at_head.environment({"TERM": "xterm-256color"})
    environment.pop("COLUMNS", None)
    for line in ("backup", *ON_A_TERMINAL):
        status, text = on_a_terminal(line.split(), project, environment)
        assert status == 0, (line, text)
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        assert shown.strip(), line
        assert too_wide(shown) == [], line


def on_a_terminal(words: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run `ourschool …` with a terminal of 80 columns as all its files; its exit status, and what stood there."""
    with terminal() as (ours, theirs):
        process = forked.start(
            "ourschool", *words, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )  # fmt: skip
        os.close(theirs)
        read = b""
        try:
            while part := os.read(ours, 65536):
                read += part
        except OSError:  # how Linux says that the other side is closed
            pass
        return process.wait(60), read.decode().replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)
