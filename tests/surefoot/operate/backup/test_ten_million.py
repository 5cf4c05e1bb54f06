"""Ten million rows, there and back: equal by the checksum of every row."""

import pytest

from surefoot.operate.backup import backup, restore, verify
from surefoot.settings import Settings
from tests.support.databases import Database

SUM = "select count(*), sum(hashtextextended(t::text, 0)::numeric) from {} t"


@pytest.mark.long
@pytest.mark.promise("A6")
def test_equal_by_checksum(school: Database, settings: Settings) -> None:
    for nth in range(3):
        school.execute(
            f"create table marks_{nth} (id bigint primary key, pupil integer not null, mark numeric, remark text)",
            f"insert into marks_{nth} select n, n % 5000, n % 60 / 10.0, md5(n::text) "
            "from generate_series(1, 3400000) n",
            f"create index on marks_{nth} (pupil)",
        )
    before = [school.rows(SUM.format(f"marks_{nth}")) for nth in range(3)]
    made = backup(settings, school.url)
    assert made.manifest.total_rows > 10_000_000
    verify(school.url, made)
    school.execute("truncate marks_0", "update marks_1 set mark = 0 where id = 77", "drop table marks_2")
    restore(settings, school.url, made)
    assert [school.rows(SUM.format(f"marks_{nth}")) for nth in range(3)] == before
