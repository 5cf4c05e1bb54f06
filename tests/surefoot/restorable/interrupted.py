"""One run of Alembic, dumped at its commit points; each restored dump is brought to the same end."""

import datetime as dt
import random
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from surefoot.catalogue.model import Catalogue
from tests.support.databases import Database
from tests.support.servers import Server
from tests.surefoot.online.harness import assert_equal, catalogue
from tests.surefoot.restorable import dumps
from tests.surefoot.restorable.commits import Commit, watched
from tests.surefoot.restorable.contents import Contents, assert_alike, contents
from tests.surefoot.restorable.dumps import Dump, dump

Servers = Mapping[int, Server]


@dataclass
class Figures:
    """What was done, for the report."""

    commits: int = 0
    points: int = 0
    dumps: int = 0
    restored: int = 0
    rows: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.commits} commits, dumped at {self.points}; {self.dumps} dumps, {self.restored} restored and "
            f"brought to the end, {self.rows:,} rows compared"
        )


@dataclass(frozen=True)
class Move:
    """`alembic upgrade` or `downgrade` to a revision, with the files of `project`."""

    project: Path
    direction: str
    revision: str
    takes_back: str | None = None
    """What a way down begins at. Where the database is not there the way is gone, its branch may be too,
    and the run is one that has nothing to do."""

    def run(self, database: Database) -> None:
        """In this process: the steps of one test need no new interpreter each."""
        direction, revision = self.direction, self.revision
        if self.takes_back:
            heads = [head for (head,) in database.rows("select version_num from alembic_version")]
            if self.takes_back not in heads:
                direction, revision = "upgrade", str(heads[0])
        config = Config(str(self.project / "alembic.ini"))
        engine: sa.Engine = database.engine()
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            {"upgrade": command.upgrade, "downgrade": command.downgrade}[direction](config, revision)
        engine.dispose()

    @property
    def drawn(self) -> bool:
        """Whether what a revision draws is there before it begins."""
        return self.direction == "downgrade"


@dataclass
class Sample:
    """Which commit points are dumped: each where the catalogue changed, and of those with rows alone the first, then
    one in `every`; of all these `one_in` so many, from where the seed says."""

    one_in: int = 1
    seed: int = 1
    every: int = 25

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._same, self._until = 0, self.chance.randrange(self.one_in)

    def __call__(self, commit: Commit) -> bool:
        self._same = 0 if commit.altered else self._same + 1
        if self._same > 1 and self._same % self.every:
            return False
        self._until -= 1
        if self._until >= 0:
            return False
        self._until = self.one_in - 1
        return True


@dataclass(frozen=True)
class Check:
    """A move, dumped at the commit points that are `chosen`; dumps of the versions that `servers` has."""

    move: Move
    servers: Servers
    figures: Figures
    chosen: Sample

    def __call__(self, database: Database, folder: Path) -> list[Dump]:
        """Make the move in `database`, then bring each dump, restored, to its end. Fails where one does not come to it.

        `database` itself goes on undisturbed: at a commit point there is nothing of the session's that is not in the
        dump, but for its locks. Dumps go to `folder`; returns those that are left there, of the seed's one point.
        """
        since = dt.datetime.now(dt.UTC)
        made: list[tuple[Commit, Dump]] = []
        with watched(database, lambda commit: made.extend(self._dumped(database, commit, folder))):
            self.move.run(database)
        end = End.of(database, since, drawn=self.move.drawn)
        kept = self.chosen.chance.choice(made)[0] if made else None
        for commit, each in made:
            try:
                self.bring_to(end, each)
            except Exception as fault:
                where = f"{each.format} dump of {each.major} after commit {commit.nth}: {commit.statement[:300]}"
                raise AssertionError(f"{self.move.direction} {self.move.revision}, {where}: {fault}") from fault
            if commit != kept:
                each.remove()
        return [each for commit, each in made if commit == kept]

    def _dumped(self, database: Database, commit: Commit, folder: Path) -> Iterator[tuple[Commit, Dump]]:
        self.figures.commits += 1
        if not self.chosen(commit):
            return
        self.figures.points += 1
        for major in dumps.able(database.server):
            for format_ in dumps.FORMATS if major in self.servers else ():
                self.figures.dumps += 1
                path = folder / f"{self.figures.points}-{major}-{format_}"
                yield commit, dump(database, major, format_, path)

    def bring_to(self, end: "End", made: Dump, *further: Move) -> None:
        """Restore the dump, make the move there, and what is `further` on the way to the end."""
        with dumps.restored(made, self.servers[made.major]) as database:
            for each in (self.move, *further):
                each.run(database)
            self.figures.rows += end.assert_reached(database)
            self.figures.restored += 1


@dataclass(frozen=True)
class End:
    """What a run that nobody stopped ends with."""

    catalogues: tuple[Catalogue, Catalogue]
    contents: Contents
    since: dt.datetime
    drawn: bool
    estimated: bool

    @classmethod
    def of(cls, database: Database, since: dt.datetime, *, drawn: bool = False, estimated: bool = False) -> "End":
        """Of a run in `database` that began at `since`; what its revisions draw was `drawn` before, or by it.

        With `estimated` the rows of what is retired are the planner's, which a restore has after other statements.
        """
        schemas = catalogue(database), catalogue(database, "retired")
        return cls(schemas, contents(database, since, drawn=drawn, estimated=estimated), since, drawn, estimated)

    def assert_reached(self, database: Database) -> int:
        """Fails where `database` is not alike; returns how many rows were compared."""
        for schema, expected in zip(("public", "retired"), self.catalogues, strict=True):
            assert_equal(expected, catalogue(database, schema))
        found = contents(database, self.since, drawn=self.drawn, estimated=self.estimated)
        assert_alike(self.contents, found)
        return sum(map(len, found.values()))
