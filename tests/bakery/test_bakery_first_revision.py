"""A baseline as autogenerate writes it works in parts: killed, it goes on; a stamp that cannot prove it says so."""

import re
from pathlib import Path

import pytest

from tests.support.bakery import BASELINE, BY_HAND, HEAD, Baker, baker
from tests.support.databases import Database

THERE = '    if not op.restore_table("orders"):\n'
KILLED = f"""
    if op.get_bind().exec_driver_sql("select to_regclass('ovens')").scalar():  # not where it is only tried first
        __import__("os").kill(__import__("os").getpid(), 9)
{THERE}"""
STOPPED = f'    op.execute("select 1 / 0")\n{THERE}'


@pytest.fixture
def at_work(scratch: Database, tmp_path: Path) -> Baker:
    """Somebody in a bakery whose database is empty."""
    return baker(scratch, tmp_path / "bread")


@pytest.mark.parametrize(("damage", "status"), [(KILLED, -9), (STOPPED, 5)], ids=["killed", "stopped"])
def test_cut_off_it_goes_on(at_work: Baker, damage: str, status: int) -> None:
    file = str(at_work.revision(BASELINE).relative_to(at_work.folder))
    at_work.change(file, THERE, damage)
    at_work.alembic("upgrade", "head", status=status)
    assert at_work.database.value("select to_regclass('ovens') is not null")
    assert at_work.database.value("select to_regclass('orders') is null")
    at_work.change(file, damage, THERE)
    at_work.alembic("upgrade", "head")
    assert f"The tables match revision {HEAD}" in at_work.bakery("identify")


def test_tables_that_it_did_not_make_are_still_refused(at_work: Baker) -> None:
    at_work.database.execute("create table ovens (id integer primary key, owner text)")
    assert "has tables (ovens) but no revision" in at_work.alembic("upgrade", "head", status=3)


def test_a_stamp_that_cannot_prove_it_leads_to_adopt(at_work: Baker) -> None:
    at_work.database.psql(stdin=BY_HAND)
    assert "python -m bakery adopt builds it" in at_work.alembic("stamp", BASELINE, status=3)
    assert at_work.database.value("select to_regclass('alembic_version') is null")
    at_work.database.execute("alter table orders add remark text")
    assert "remark" in at_work.bakery("adopt", status=3)
    at_work.alembic("-x", "force=yes", "stamp", BASELINE)
    assert "remark" in at_work.bakery("identify", status=1)


def test_a_baseline_of_one_transaction_is_stamped_by_alembic_itself(at_work: Baker) -> None:
    file = at_work.revision(BASELINE)
    file.write_text(re.sub(r"if not op.restore_table\(.*\):", "if True:", file.read_text("utf-8")), "utf-8")
    at_work.database.psql(stdin=BY_HAND)
    at_work.alembic("stamp", BASELINE)
    at_work.alembic("upgrade", "head")
