"""adopt stamps what equals the baseline; a single deviation is refused and named, and its repair makes it adoptable."""

import re
from pathlib import Path

import pytest

from surefoot.operate.adopt.adoption import Adoption, adopt
from tests.ourschool.existing import rows
from tests.support.databases import Database
from tests.surefoot.operate.adopt.conftest import project
from tests.surefoot.operate.adopt.single import SINGLES, Single

BASELINE = "cd0edd614cc5"


def adopted(database: Database, *, repair: Path | None = None, decided: bool = False) -> Adoption:
    return adopt(project(database), database.url, repair=repair, decided=decided)


def stamped(database: Database) -> object:
    if database.value("select to_regclass('alembic_version')") is None:
        return None
    return database.value("select string_agg(version_num, ' ') from alembic_version")


@pytest.mark.promise("O8", "O10")
@pytest.mark.parametrize("single", [pytest.param(single, id=single.name) for single in SINGLES])
def test_a_single_deviation_is_refused_named_and_repaired(existing: Database, tmp_path: Path, single: Single) -> None:
    before = contents(existing)
    existing.execute(*single.sql.split("; "))
    ours = contents(existing)
    file = tmp_path / "repair.sql"

    outcome = adopted(existing, repair=file, decided=single.group == "decision")

    expected = 2 if single.name in TWO_LINES else 1
    assert len(outcome.findings) == expected, [str(each.deviation) for each in outcome.findings]
    assert str(outcome.findings[0].deviation).startswith(single.line)
    assert [each.repair.group.value for each in outcome.findings] == [single.group] * expected
    assert not outcome.stamped
    assert stamped(existing) is None
    assert file.stat().st_mode & 0o777 == 0o600

    existing.psql("-f", str(file))
    if not {"drop table", "drop date_of_birth"} & set(pieces(single.sql)):
        now = contents(existing)
        assert kept(now, before if single.name in OTHER_WORDS else ours)
    again = adopted(existing)
    assert again.findings == (), file.read_text()
    assert again.stamped
    assert stamped(existing) == BASELINE
    assert before.keys() <= contents(existing).keys()


TOGETHER = (
    "a wider type", "a text for an enum", "nullable", "a default", "no default", "a missing column", "an extra column",
    "an identity", "an extra table", "a replica identity", "a missing index", "an index with a predicate",
    "a foreign key with another action", "another word for a label", "an extra type", "an extra sequence", "a trigger",
    "a function", "a policy", "a rule that swallows what is written", "extended statistics",
)  # fmt: skip


def test_many_deviations_at_once_on_every_server(database: Database, tmp_path: Path) -> None:
    database.alembic("upgrade", BASELINE)
    with database.connect() as connection:
        rows.fill(connection, rows.Size.of(student_assignments=30, attendance_records=30, conflicts=False))
    database.execute("drop table alembic_version, migration_journal")
    for single in SINGLES:
        if single.name in TOGETHER:
            database.execute(*single.sql.split("; "))
    there = contents(database)
    file = tmp_path / "a file of mine.sql"
    found = adopted(database, repair=file, decided=True).findings
    assert len(found) == len(TOGETHER) + 1  # an identity is a default less, too
    database.psql("-f", str(file))
    again = adopted(database)
    assert again.findings == (), file.read_text()
    assert kept(contents(database), {name: values for name, values in there.items() if name != "terms.term_type"})


OTHER_WORDS = frozenset({"an aware time", "another word for a label"})
"""Whose values read otherwise in between, and as before again when they are repaired."""
TWO_LINES = frozenset({"an identity", "a sequence of another type", "an unlogged table"})


def pieces(sql: str) -> list[str]:
    return [" ".join(words) for words in (sql.split()[at : at + 2] for at in range(len(sql.split())))]


def contents(database: Database) -> dict[str, list[str]]:
    """Every value of every table, as text, by table and column: also of what was set aside."""
    found: dict[str, list[str]] = {}
    tables: dict[str, list[str]] = {}
    for table, column in database.rows(
        "select format('%I.%I', table_schema, table_name), column_name from information_schema.columns "
        "join information_schema.tables using (table_schema, table_name) where table_type = 'BASE TABLE' and "
        "table_schema in ('public', 'retired') and table_name not in ('alembic_version', 'migration_journal', 'things')"
    ):
        tables.setdefault(str(table), []).append(str(column))
    with database.connect() as connection:
        for table, columns in tables.items():
            listed = ", ".join(f'array_agg("{column}"::text order by id)' for column in columns)
            for column, values in zip(
                columns, connection.execute(f"select {listed} from {table}").fetchone() or (), strict=True
            ):
                plain = re.sub(r"_before_[0-9a-f]{12}(_\d)?$", "", table.rpartition(".")[2].strip('"'))
                found[f"{plain}.{re.sub(r'^__retired_[0-9a-f]{12}_', '', column)}"] = values or []
    return found


def kept(now: dict[str, list[str]], then: dict[str, list[str]]) -> bool:
    return all(now.get(name) == values for name, values in then.items())
