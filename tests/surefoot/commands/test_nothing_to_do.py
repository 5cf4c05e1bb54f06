"""A database at head costs one query: no models, no operations, no revision files. All else goes as it always did."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.commands.revisions import CHAIN, HEAD, write
from tests.surefoot.faults.runs import holding
from tests.surefoot.faults.test_silent_network import behind_a_proxy

WATCHED = """
import atexit, json, sys
opened = []
sys.addaudithook(lambda event, values: opened.append(str(values[0])) if event == "open" else None)
atexit.register(lambda: print("SEEN", json.dumps([sorted(sys.modules), opened])))
from {module} import main
main()
"""
PROGRAMS = {"alembic": "alembic.config", "ourschool": "ourschool.cli"}
HEAVY = ("surefoot.online", "surefoot.autogenerate", "surefoot.environment.run", "surefoot.catalogue",
         "surefoot.database", "ourschool.models", "sqlalchemy.orm")  # fmt: skip
AT_HEAD = [
    ("alembic", "upgrade", "head"),
    ("alembic", "upgrade", "heads"),
    ("alembic", "current"),
    ("alembic", "current", "--check-heads"),
    ("ourschool", "ensure"),
]
BEFORE = CHAIN[-2]


@dataclass(frozen=True)
class Seen:
    """What a command printed, which modules it had loaded by its end, and which files it opened."""

    said: str
    status: int
    modules: frozenset[str]
    opened: tuple[str, ...]

    @property
    def at_once(self) -> bool:
        """Whether it was answered without what runs a command."""
        return not self.modules & set(HEAVY)

    def revision_files(self, project: Path) -> int:
        """How often a file of a revision was opened."""
        versions = str(project / "alembic" / "versions")
        return sum(path.startswith(versions) and "20" in path for path in self.opened)


def seen(words: Sequence[str], database: Database, project: Path = ROOT, **env: str) -> Seen:
    """Run `words` in a new process and watch it."""
    program, *arguments = words
    done = subprocess.run(
        [sys.executable, "-c", WATCHED.format(module=PROGRAMS[program]), *arguments],
        cwd=project, env=database.environment(env), capture_output=True, text=True, check=False,
    )  # fmt: skip
    said, _, noted = done.stdout.partition("SEEN ")
    modules, opened = json.loads(noted)
    return Seen(said + done.stderr, done.returncode, frozenset(modules), tuple(opened))


def without_times(said: str) -> str:
    return re.sub(r"^\d\d:\d\d:\d\d ", "", said, flags=re.MULTILINE)


@pytest.mark.parametrize("words", AT_HEAD, ids=" ".join)
def test_nothing_is_loaded_that_an_answer_does_not_need(at_head: Database, words: tuple[str, ...]) -> None:
    seen(words, at_head)  # the files may be read once, to note the head
    found = seen(words, at_head)
    assert (found.status, found.modules & set(HEAVY)) == (0, frozenset())
    assert HEAD in found.said
    assert found.revision_files(ROOT) == 0


@pytest.mark.parametrize("words", AT_HEAD, ids=" ".join)
def test_one_connection_and_one_round_trip(at_head: Database, words: tuple[str, ...]) -> None:
    assert at_head.server.data is not None
    log = at_head.server.data.parent / "log"
    at_head.execute(f'alter database "{at_head.url.database}" set log_statement = "all"')
    before = log.stat().st_size
    assert seen(words, at_head).at_once
    (query,) = re.findall(r"LOG:  (?:statement|execute [^:]*): (.*)", log.read_bytes()[before:].decode())
    assert "set local lock_timeout" in query


@pytest.mark.parametrize(
    ("at_once", "ordinary"),
    [
        (("upgrade", "head"), ("upgrade", HEAD)),
        (("upgrade", "heads"), ("-x", "force=yes", "upgrade", "heads")),
        (("current",), ("-x", "force=yes", "current")),
        (("current", "--check-heads"), ("-x", "force=yes", "current", "--check-heads")),
    ],
)
def test_the_same_is_said(at_head: Database, at_once: tuple[str, ...], ordinary: tuple[str, ...]) -> None:
    quick, slow = seen(("alembic", *at_once), at_head), seen(("alembic", *ordinary), at_head)
    assert (quick.at_once, slow.at_once) == (True, False)
    assert without_times(quick.said) == without_times(slow.said)
    assert quick.status == slow.status == 0


def test_a_head_that_merges_is_called_so(at_head: Database, project: Path) -> None:
    write(project, "left", after=HEAD)
    write(project, "right", after=HEAD)
    path = write(project, "both", after="left")
    path.write_text(path.read_text().replace("down_revision = 'left'", "down_revision = ('left', 'right')"))
    at_head.execute("update alembic_version set version_num = 'both'")
    quick = seen(("alembic", "current"), at_head, project)
    slow = seen(("alembic", "-x", "force=yes", "current"), at_head, project)
    assert (quick.at_once, slow.at_once) == (True, False)
    assert without_times(quick.said) == without_times(slow.said)
    assert "both (head) (mergepoint)" in quick.said


UPGRADE = ("alembic", "upgrade", "head")
UNFINISHED = f"""
    insert into migration_journal (revision, direction, outcome, started_at, duration, client_host, client_user,
                                   client_pid, package_version)
    values ('{HEAD}', 'downgrade', 'begun', now(), '1 s', 'here', 'somebody', 1, '1')
"""
REFUSED = {
    "unknown": ("update alembic_version set version_num = 'e0e0e0e0e0e0'", 3, "which no file in"),
    "unknown beside it": ("insert into alembic_version values ('e0e0e0e0e0e0')", 3, "which no file in"),
    "an ancestor beside it": (f"insert into alembic_version values ('{BEFORE}')", 3, "a row too many"),
    "a way down cut off": (f"{UNFINISHED}; create index strange on users (email)", 3, "nothing goes up from here"),
    "another schema": (
        "create schema postgres; create table postgres.alembic_version (version_num varchar(32))", 3, "Two schemas"
    ),
    "tables and no revision": ("truncate alembic_version", 3, "but no revision"),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_refused_as_before(at_head: Database, statements: str, status: int, words: str) -> None:
    at_head.execute(*statements.split(";"))
    found = seen(UPGRADE, at_head)
    assert (found.status, found.at_once) == (status, False)
    assert words in found.said
    assert "Nothing to do" not in found.said


def test_what_is_behind_goes_up(at_head: Database) -> None:
    at_head.alembic("downgrade", "-1")
    found = seen(UPGRADE, at_head)
    assert (found.status, found.at_once) == (0, False)
    assert at_head.value("select version_num from alembic_version") == HEAD


def test_a_way_down_that_left_nothing_behind_is_looked_at(at_head: Database) -> None:
    at_head.execute(UNFINISHED)
    found = seen(UPGRADE, at_head)
    assert (found.status, found.at_once) == (0, False)
    assert f"Nothing to do: the database is at {HEAD}." in found.said


def test_two_heads_are_named(at_head: Database, project: Path) -> None:
    write(project, "other", after=BEFORE)
    found = seen(UPGRADE, at_head, project)
    assert (found.status != 0, found.at_once) == (True, False)
    assert "other" in found.said
    assert "Nothing to do" not in found.said


def test_a_revision_that_was_added_is_not_overlooked(at_head: Database, project: Path) -> None:
    assert seen(UPGRADE, at_head, project).at_once
    write(project, "added", after=HEAD)
    assert seen(UPGRADE, at_head, project).status == 0
    assert at_head.value("select version_num from alembic_version") == "added"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("upgrade", "+1"), 2),
        (("upgrade", f"{HEAD[:8]}"), 0),
        (("upgrade", "head", "--sql"), 0),
        (("-x", "force=yes", "upgrade", "head"), 0),
        (("current", "-v"), 0),
    ],
)
def test_all_other_words_go_the_ordinary_way(at_head: Database, words: tuple[str, ...], status: int) -> None:
    found = seen(("alembic", *words), at_head)
    assert (found.status, found.at_once) == (status, False)


def test_a_url_on_the_command_line_is_the_one_that_is_meant(at_head: Database, newest: Server) -> None:
    with fresh(newest) as empty:
        given = f"database_url={empty.url.render_as_string(False)}"
        assert HEAD not in seen(("alembic", "-x", given, "current"), at_head).said


def test_options_in_the_environment_do_not_lead_elsewhere(at_head: Database) -> None:
    """As no connection of ours takes them: they could name a schema in which another school is at head."""
    at_head.execute("create schema other", "create table other.alembic_version as table alembic_version",
                    "create table other.migration_journal as table migration_journal",
                    f"update alembic_version set version_num = '{BEFORE}'")  # fmt: skip
    found = seen(("alembic", "current"), at_head, PGOPTIONS="-csearch_path=other")
    assert (found.at_once, f"{HEAD} (head)" in found.said) == (False, False)
    assert BEFORE in found.said


def test_a_router_between_changes_nothing(at_head: Database) -> None:
    """The address of the client is another one, as with a port of a container: that alone makes no pooler."""
    with behind_a_proxy(at_head) as (here, _):
        found = seen(UPGRADE, here)
    assert (found.status, found.at_once) == (0, True)


def test_a_locked_table_is_not_waited_for_for_ever(at_head: Database) -> None:
    with holding(at_head, "lock table alembic_version in access exclusive mode"):
        found = seen(UPGRADE, at_head, OURSCHOOL_LOCK_DEADLINE="1")
    assert (found.status, found.at_once) == (4, False)
    assert "lock timeout" in found.said


MANY = 2000


def test_with_2000_revisions_no_more_files_are_opened(at_head: Database, project: Path) -> None:
    assert settled(UPGRADE, at_head, project).revision_files(project) == 0
    usual = len(settled(UPGRADE, at_head, project).opened)
    parent = HEAD
    for number in range(MANY - len(CHAIN)):
        name = f"{number:012x}"
        text = f"revision = {name!r}\ndown_revision = {parent!r}\n"
        (project / "alembic" / "versions" / f"2030_01_01_0000-{name}_one_of_many.py").write_text(text)
        parent = name
    at_head.execute(f"update alembic_version set version_num = '{parent}'")
    found = settled(UPGRADE, at_head, project)
    assert parent in found.said
    assert len(found.opened) == usual
    for words in AT_HEAD:
        found = seen(words, at_head, project)
        assert (found.status, found.at_once, found.revision_files(project)) == (0, True, 0)
        assert parent in found.said


def settled(words: Sequence[str], database: Database, project: Path) -> Seen:
    """What is seen as soon as the head is noted: files that were made a moment ago are read each time."""
    for _ in range(50):
        found = seen(words, database, project)
        assert (found.status, found.at_once) == (0, True)
        if not found.revision_files(project):
            break
    return found
