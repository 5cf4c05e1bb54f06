"""Every online operation, stopped at its commits: what is dumped there can be restored, and goes on to the same end."""

from pathlib import Path

import pytest
from alembic.operations import MigrateOperation, Operations

from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.online.harness import empty, write
from tests.surefoot.restorable.cases import CASES, Case
from tests.surefoot.restorable.commits import Commit
from tests.surefoot.restorable.interrupted import Check, Figures, Move, Sample, Servers

REFUSE_TO_RUN = {"fill_in", "unfinished"}


def chain(project: Path, case: Case) -> Path:
    """Revision one makes the tables, revision two is the operation."""
    write(empty(project), "one", None, f"op.execute({case.tables.replace(':', chr(92) + ':')!r})")
    write(project, "two", "one", case.up, case.down)
    return project


def operations() -> set[str]:
    """What our classes put on `op`."""
    found, classes = set(), MigrateOperation.__subclasses__()
    for each in classes:
        classes += each.__subclasses__()
        if each.__module__.startswith("surefoot.online."):
            members = (name for name, member in vars(each).items() if isinstance(member, classmethod))
            found |= {name for name in members if hasattr(Operations, name)}
    return found - REFUSE_TO_RUN


def test_each_operation_has_a_case() -> None:
    text = " ".join(case.up + case.down for case in CASES.values())
    assert {"rename_table_online", "rename_column_online"} < operations()
    assert {name for name in operations() if f"op.{name}(" not in text} == set()


@pytest.mark.parametrize("name", CASES)
def test_an_operation(newest: Server, project: Path, name: str, figures: Figures) -> None:
    """In CI some points by seed."""
    one_in = {"types beside json": 3, "filled": 2}.get(name, 10)
    _there_and_back(newest, {18: newest}, chain(project, CASES[name]), figures, Sample(one_in, seed=len(name), every=3))
    assert figures.restored > 1


def test_a_dump_of_an_older_server(servers: Servers, project: Path, figures: Figures) -> None:
    """By the programs of each version that may make one, restored in a server of theirs."""
    oldest = min(servers)
    _there_and_back(
        servers[oldest], servers, chain(project, CASES["types beside json"]), figures, Sample(one_in=7, seed=3)
    )
    assert figures.restored >= 6


class Promised(Sample):
    """The points where NOT NULL is on its way through a CHECK, as it goes on servers before 18."""

    def __call__(self, commit: Commit) -> bool:
        return '_not_null" check (' in commit.statement


@pytest.mark.parametrize("name", ["rules", "types, quoted"])
def test_not_null_is_begun_on_an_older_server_and_ends_on_18(
    servers: Servers, project: Path, figures: Figures, name: str
) -> None:
    move = Move(chain(project, CASES[name]), "upgrade", "two")
    with fresh(servers[16]) as database:
        Move(project, "upgrade", "one").run(database)
        Check(move, {18: servers[18]}, figures, Promised())(database, project)
    assert figures.restored >= 2


@pytest.mark.long
@pytest.mark.parametrize("major", [18, 16, 15])
@pytest.mark.parametrize("name", CASES)
def test_each_point_of_an_operation(servers: Servers, project: Path, figures: Figures, name: str, major: int) -> None:
    if major not in servers:
        pytest.skip(f"there is no PostgreSQL {major} on this machine")
    _there_and_back(servers[major], servers, chain(project, CASES[name]), figures, Sample())


def _there_and_back(server: Server, servers: Servers, project: Path, figures: Figures, chosen: Sample) -> None:
    folder = project / "dumps"
    folder.mkdir()
    with fresh(server) as database:
        Move(project, "upgrade", "one").run(database)
        for direction, revision in (("upgrade", "two"), ("downgrade", "one"), ("upgrade", "two")):
            Check(Move(project, direction, revision), servers, figures, chosen)(database, folder)
