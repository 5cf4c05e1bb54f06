"""Runs a revision over rows: up, down, up, and down again with later rows; compares every value each time."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from alembic.script import Script, ScriptDirectory
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.author.sample_rows import row_filling, table_shape
from surefoot.author.sample_rows.future_rules import later_rules
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
class TouchedTables:
    """The tables before and after a revision, by name, and the names of those whose definition it changes."""

    before: Mapping[str, Shape]
    after: Mapping[str, Shape]
    touched: frozenset[str]


@dataclass(frozen=True)
class State:
    """A catalogue, and hashes of the values by table and by `table.column`."""

    catalogue: Catalogue
    sums: Mapping[str, str]

    def differences(self, found: "State") -> tuple[str, ...]:
        """Return a line for each difference of `found` from this state."""
        lines = tuple(map(str, compare(self.catalogue, found.catalogue).deviations))
        names = [name for name, total in self.sums.items() if name in found.sums and found.sums[name] != total]
        columns = [name for name in names if "." in name]
        tables = [name for name in names if "." not in name and not any(c.startswith(f"{name}.") for c in columns)]
        return lines + tuple(f"{name}: the values are not as they were" for name in (*columns, *tables))


class Trial:
    """A test of one revision in databases that are at the revision's parent and have no rows."""

    def __init__(self, settings: Settings, revisions: ScriptDirectory, script: Script, tables: TouchedTables) -> None:
        self.settings, self.revisions, self.script, self.tables = settings, revisions, script, tables

    def run(self, url: URL, *, fitting: bool) -> Iterator[Step]:
        """Yield the steps up to the first that fails. With `fitting` the rows satisfy the revision's rules, too.

        One step alone, with `notes`, says that the revision refused the rows and changed nothing.
        """
        self.url = url
        counts = self._fill_before(fitting=fitting)
        before = self.state()
        step, fault = self._run("up with rows", upgrade=True)
        if fault is not None:
            changed = before.differences(self.state())
            if changed or fitting:
                yield step.with_problems(fault, *(f"and yet: {line}" for line in changed))
            else:
                yield step.with_notes(fault)
            return
        after = self.state()
        yield self._with_row_counts(step, counts, before, after)
        step, fault = self._run("down with rows", upgrade=False)
        yield step.with_problems(fault) if fault else step.with_problems(*before.differences(self.state()))
        if fault:
            return
        step, fault = self._run("up again with rows", upgrade=True)
        yield step.with_problems(fault) if fault else step.with_problems(*after.differences(self.state()))
        if fault:
            return
        yield from self._with_later_rows()

    def _with_later_rows(self) -> Iterator[Step]:
        """Downgrade with rows of the new schema: refused with nothing changed, or restored by the upgrade."""
        with connected(self.url) as connection:
            row_filling.fill(connection, tables=self.tables.touched or None, seed=2)
        later = self.state()
        step, fault = self._run("down with rows that came since", upgrade=False)
        if fault is not None:
            changed = later.differences(self.state())
            yield (
                step.with_problems(fault, *(f"and yet: {line}" for line in changed))
                if changed
                else step.with_notes(f"refused, with nothing changed: {fault}")
            )
            return
        _, fault = self._run("up again", upgrade=True)
        yield step.with_problems(fault) if fault else step.with_problems(*later.differences(self.state()))

    def _fill_before(self, *, fitting: bool) -> dict[str, int]:
        chosen = _with_related(self.tables.before, self.tables.touched) or None
        with connected(self.url) as connection:
            if not fitting:
                return row_filling.fill(connection, tables=chosen)
            with later_rules(connection, self.tables.after):
                return row_filling.fill(connection, tables=chosen, mild=True)

    def _with_row_counts(self, step: Step, counts: Mapping[str, int], before: State, after: State) -> Step:
        """Note how many rows each touched table has; one without rows is a problem, for nothing was proven on it."""
        changed = {name.partition(".")[0] for name, total in before.sums.items() if after.sums.get(name) != total}
        touched = sorted((self.tables.touched | changed) & counts.keys())
        with connected(self.url) as connection:
            rows = {name: row_filling.count(connection, name) for name in touched if name in self.tables.after}
        none = [name for name in touched if not rows.get(name, counts[name])]
        listed = ", ".join(f"{name} {rows.get(name, counts[name])}" for name in touched)
        step = step.with_notes(f"rows: {listed}" if touched else "no table that was there before is touched")
        return step.with_problems(
            *(f"{name}: not proven on rows, for none could be made that its rules take" for name in none)
        )

    def _run(self, what: str, *, upgrade: bool) -> tuple[Step, str | None]:
        started = time.perf_counter()
        fault = None
        try:
            with alembic_api.configured(
                self.settings, self.url, application_name=f"{program()} prove", snapshot=False
            ) as config:
                alembic_api.run_one(config, self.revisions, self.script, upgrade=upgrade)
        except SurefootError as raised:
            fault = raised.message
        return Step(what, time.perf_counter() - started), fault

    def state(self) -> State:
        """Return the state of the database now."""
        with connected(self.url) as connection:
            return State(read_catalogue(connection), value_hashes.column_sums(connection))


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """Yield a connection whose settings print values as value_hashes compares them."""
    engine = database.engine_for(url, application_name=f"{program()} prove", options=SETTINGS)
    with engine.connect() as connection:
        yield connection


def shapes(url: URL) -> dict[str, Shape]:
    """Return the tables of a database by name, those first that others refer to."""
    with connected(url) as connection:
        return table_shape.read(connection)


def set_time_zone(url: URL) -> None:
    """Give the database a time zone other than UTC, so that a conversion that trusts the session's zone shows."""
    with connected(url) as connection:
        zone = sql.SQL("alter database {} set timezone = {}").format(sql.Identifier(str(url.database)), ZONE)
        database.execute_verbatim(connection, zone)
        connection.commit()


def touched(before: Catalogue, after: Catalogue) -> frozenset[str]:
    """Return the tables that differ between two catalogues, those included of which only an enum type changes."""
    old, new = ({table.name: table for table in each.tables} for each in (before, after))
    names = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    enums = {each.name: each for each in before.enums}
    changed = {each.name for each in after.enums if each.name in enums and enums[each.name] != each}
    names |= {table.name for table in after.tables for column in table.columns if column.type.strip('"') in changed}
    return frozenset(names)


def _with_related(tables: Mapping[str, Shape], names: Collection[str]) -> set[str]:
    """Return `names`, the tables that refer to them, and all that any of these refer to."""
    chosen = {
        name for name, each in tables.items() if name in names or {key.table for key in each.foreign_keys} & set(names)
    }
    while more := {key.table for name in chosen & tables.keys() for key in tables[name].foreign_keys} - chosen:
        chosen |= more
    return chosen
