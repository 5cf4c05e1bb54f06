"""What autogenerate wrote goes down as it came up, with rows; what is refused on the way down has changed nothing."""

from typing import Any

import pytest

from surefoot.catalogue.reader import read_catalogue
from surefoot.errors import RefusedError
from tests.support.databases import Database
from tests.surefoot.autogenerate.author import Author
from tests.surefoot.autogenerate.cases import Case
from tests.surefoot.autogenerate.way_cases import WAY_CASES

ROWS = [pytest.param(case, id=case.name.replace(" ", "-")) for case in WAY_CASES]
RETIRED_PREFIX = "select coalesce(jsonb_agg(to_jsonb(t) order by id), '[]') from retired.things as t"


def upgraded(case: Case, school: Database, project: Any) -> Author:
    """The revision is written, and has run up, over the case's rows."""
    author = Author(school, project, case)
    author.prepare()
    school.execute(*case.rows)
    author.write_here()
    return author


@pytest.mark.parametrize("case", ROWS)
def test_rows_go_down_as_they_came_up(case: Case, school: Database, project: Any) -> None:
    author = upgraded(case, school, project)
    there = author.content()
    author.upgrade()
    changed = author.content()
    for _ in range(4 if case is WAY_CASES[0] else 1):  # what is kept each time needs a name of its own
        author.downgrade()
        assert author.difference("before") == ()
        assert author.content() == there
        author.upgrade()
        assert author.difference("after") == ()
        assert author.content() == changed


@pytest.mark.parametrize("case", ROWS)
def test_a_refused_way_down_changes_nothing(case: Case, school: Database, project: Any) -> None:
    author = upgraded(case, school, project)
    there = author.content()
    author.upgrade()
    school.execute(*case.later)
    came = author.content()
    before = snapshot(school)

    with pytest.raises(RefusedError) as refused:
        author.downgrade()

    assert "nothing was changed" in str(refused.value).lower()
    assert snapshot(school) == before
    assert author.content() == came
    assert school.value("select count(*) from pg_class where relname ~ '__changing'") == 0
    school.execute(f"delete from stuff where id > {len(there['stuff'])}")
    author.downgrade()
    assert author.difference("before") == ()
    assert author.content() == there


def snapshot(database: Database) -> Any:
    """Catalogue and what is set aside."""
    known = database.value("select to_regclass('retired.things')")
    with database.engine().connect() as connection:
        return read_catalogue(connection), database.value(RETIRED_PREFIX) if known else None
