"""A revision run over rows: up, down, up, and down once more with rows that came since; every value compared."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from alembic import command
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.author.sample_rows import row_filling, table_shape
from surefoot.author.sample_rows.future_rules import demanded
from surefoot.author.sample_rows.table_shape import Shape
from surefoot.author.sample_rows.test_steps import Step
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.errors import SurefootError
from surefoot.operate.rehearse import value_hashes
from surefoot.operate.rehearse.value_hashes import SETTINGS
from surefoot.program import program
from surefoot.settings import Settings

ZONE = "America/Chicago"


@dataclass(frozen=True)
class Both:
    """The tables before and after the revision, and those that it touches in their definition."""

    before: Mapping[str, Shape]
    after: Mapping[str, Shape]
    touched: frozenset[str]


@dataclass(frozen=True)
class State:
    """Catalogue and values."""

    catalogue: Catalogue
    sums: Mapping[str, str]

    def apart(self, found: "State") -> tuple[str, ...]:
        """What sets another state apart from this one, a line each."""
        lines = tuple(map(str, compare(self.catalogue, found.catalogue).deviations))
        names = [name for name, total in self.sums.items() if name in found.sums and found.sums[name] != total]
        columns = [name for name in names if "." in name]
        tables = [name for name in names if "." not in name and not any(c.startswith(f"{name}.") for c in columns)]
        return lines + tuple(f"{name}: the values are not as they were" for name in (*columns, *tables))


class Trial:
    """One database at the revision's parent, without rows, to try the revision in."""

    def __init__(self, settings: Settings, url: URL, revision: str, parent: str, both: Both) -> None:
        self.settings, self.url, self.revision, self.parent, self.both = settings, url, revision, parent, both

    def run(self, *, fitting: bool) -> Iterator[Step]:
        """The steps, as far as they come. With `fitting` the rows keep the rules after the revision, too.

        Where the first step has `notes` and is the last one, the revision refused the rows and changed nothing.
        """
        counts = self._fill_before(fitting=fitting)
        before = self.state()
        step, fault = self._go("up with rows", command.upgrade, self.revision)
        if fault is not None:
            changed = before.apart(self.state())
            if changed or fitting:
                yield step.found(fault, *(f"and yet: {line}" for line in changed))
            else:
                yield step.noted(fault)
            return
        after = self.state()
        yield self._counted(step, counts, before, after)
        step, fault = self._go("down with rows", command.downgrade, self.parent)
        yield step.found(fault) if fault else step.found(*before.apart(self.state()))
        if fault:
            return
        step, fault = self._go("up again with rows", command.upgrade, self.revision)
        yield step.found(fault) if fault else step.found(*after.apart(self.state()))
        if fault:
            return
        yield from self._with_later_rows()

    def _with_later_rows(self) -> Iterator[Step]:
        """Down with rows that use what the revision allows: refused with nothing changed, or back by the way up."""
        with self.looking() as connection:
            row_filling.fill(connection, tables=self.both.touched or None, seed=2)
        came = self.state()
        step, fault = self._go("down with rows that came since", command.downgrade, self.parent)
        if fault is not None:
            changed = came.apart(self.state())
            yield (
                step.found(fault, *(f"and yet: {line}" for line in changed))
                if changed
                else step.noted(f"refused, with nothing changed: {fault}")
            )
            return
        _, fault = self._go("up again", command.upgrade, self.revision)
        yield step.found(fault) if fault else step.found(*came.apart(self.state()))

    def _fill_before(self, *, fitting: bool) -> dict[str, int]:
        wanted = _with_kin(self.both.before, self.both.touched) or None
        with self.looking() as connection:
            if not fitting:
                return row_filling.fill(connection, tables=wanted)
            with demanded(connection, self.both.after):
                return row_filling.fill(connection, tables=wanted, mild=True)

    def _counted(self, step: Step, counts: Mapping[str, int], before: State, after: State) -> Step:
        """Which tables were proven on how many rows; one that the revision touches and that has none is not."""
        changed = {name.partition(".")[0] for name, total in before.sums.items() if after.sums.get(name) != total}
        touched = sorted((self.both.touched | changed) & counts.keys())
        with self.looking() as connection:
            rows = {name: row_filling.count(connection, name) for name in touched if name in self.both.after}
        none = [name for name in touched if not rows.get(name, counts[name])]
        step = step.noted("rows: " + ", ".join(f"{name} {rows.get(name, counts[name])}" for name in touched) if touched
                          else "no table that was there before is touched")  # fmt: skip
        return step.found(*(f"{name}: not proven on rows, for none could be made that its rules take" for name in none))

    def _go(self, what: str, run: object, target: str) -> tuple[Step, str | None]:
        started = time.perf_counter()
        fault = None
        try:
            with alembic_api.configured(self.settings, self.url, application_name=f"{program()} prove") as config:
                run(config, target)  # type: ignore[operator]  # one of Alembic's commands
        except SurefootError as raised:
            fault = raised.message
        return Step(what, time.perf_counter() - started), fault

    def state(self) -> State:
        """What is there now."""
        with self.looking() as connection:
            return State(read_catalogue(connection), value_hashes.column_sums(connection))

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """A connection beside the revisions'."""
        with connected(self.url) as connection:
            yield connection


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """A connection that prints values as they are compared."""
    engine = database.engine_for(url, application_name=f"{program()} prove", options=SETTINGS)
    with engine.connect() as connection:
        yield connection


def shapes(url: URL) -> dict[str, Shape]:
    """The tables of a database."""
    with connected(url) as connection:
        return table_shape.read(connection)


def elsewhere(url: URL) -> None:
    """Give a database of a proof another time zone than UTC: a conversion that trusts the session's would show."""
    with connected(url) as connection:
        zone = sql.SQL("alter database {} set timezone = {}").format(sql.Identifier(str(url.database)), ZONE)
        database.execute_verbatim(connection, zone)
        connection.commit()


def touched(before: Catalogue, after: Catalogue) -> frozenset[str]:
    """The tables that are not the same on both sides, those included of which only an enum type changes."""
    old, new = ({table.name: table for table in each.tables} for each in (before, after))
    names = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    enums = {each.name: each for each in before.enums}
    changed = {each.name for each in after.enums if each.name in enums and enums[each.name] != each}
    names |= {table.name for table in after.tables for column in table.columns if column.type.strip('"') in changed}
    return frozenset(names)


def _with_kin(tables: Mapping[str, Shape], names: Collection[str]) -> set[str]:
    """Those, the tables that point to them, and all that any of them point to."""
    wanted = {name for name, each in tables.items() if name in names or {p.table for p in each.pointers} & set(names)}
    while more := {p.table for name in wanted & tables.keys() for p in tables[name].pointers} - wanted:
        wanted |= more
    return wanted
