"""What adopt does not take over, what it leaves to a person, and what its repair never does: destroy."""

import json
from pathlib import Path

import pytest

from ourschool import ensure_current
from surefoot.errors import RefusedError
from surefoot.operate.adopt.adopt_findings import Finding
from surefoot.operate.adopt.adoption import adopt
from tests.support.databases import Database
from tests.support.typed import ourschool, too_wide
from tests.surefoot.operate.adopt.conftest import project
from tests.surefoot.operate.adopt.test_adopt import contents, kept, stamped

BASELINE = "cd0edd614cc5"

AGAINST = {
    "rows without a value": (
        "alter table users alter last_name drop not null; update users set last_name = null where id < 4",
        "column users.last_name: expected not null, found null", "3 rows have no value there",
    ),
    "values twice": (
        "drop index ix_users_email; update users set email = 'twice@school' where id < 4",
        "index ix_users_email on users: missing", "1 value stands there more than once",
    ),
    "rows that point at nothing": (
        "alter table terms drop constraint terms_created_by_fkey; update terms set created_by = -1 where id < 3",
        "constraint terms_created_by_fkey on terms: missing", "2 rows stand against it",
    ),
    "a key twice": (
        "alter table journal_entries drop constraint journal_entries_pkey; update journal_entries set id = 1",
        "constraint journal_entries_pkey on journal_entries: missing", "1 row stands against it",
    ),
    "values that would not survive": (
        "alter table terms alter term_order type numeric using term_order + 0.5",
        "column terms.term_order: expected type integer, found numeric", "would not keep the value as integer",
    ),
    "values of another kind": (
        "alter table terms alter term_order type text using 'about ' || term_order",
        "column terms.term_order: expected type integer, found text", "rows cannot become integer",
    ),
    "a label that rows hold": (
        "alter type termtype add value 'year'; update terms set term_type = 'year' where id < 4",
        "enum termtype: expected labels", "hold year",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AGAINST)
def test_rows_that_stand_against_it_are_counted_and_stay(existing: Database, tmp_path: Path, name: str) -> None:
    sql, line, note = AGAINST[name]
    existing.execute(*sql.split("; "))
    before = contents(existing)
    finding = only(existing, tmp_path / "repair.sql")
    assert str(finding.deviation).startswith(line)
    assert note in finding.repair.note
    assert finding.repair.statements == ()
    if finding.repair.rows_query:
        assert existing.psql("-At", "-c", finding.repair.rows_query).stdout.strip()
    existing.psql("-f", str(tmp_path / "repair.sql"))
    assert contents(existing) == before


def only(database: Database, repair: Path) -> Finding:
    (finding,) = adopt(project(database), database.url, repair=repair, decided=True).findings
    return finding


def test_a_renamed_column_gets_its_name_back_with_every_value(existing: Database, tmp_path: Path) -> None:
    existing.execute("alter table users rename last_name to surname")
    before = existing.rows("select id, surname from users order by id")
    file = tmp_path / "repair.sql"
    found = adopt(project(existing), existing.url, repair=file, decided=True).findings
    assert [each.deviation.what for each in found] == ["column users.last_name", "column users.surname"]
    existing.psql("-f", str(file))
    assert existing.rows("select id, last_name from users order by id") == before
    assert adopt(project(existing), existing.url).stamped


def test_what_needs_a_decision_is_commented_out(existing: Database, tmp_path: Path) -> None:
    existing.execute(
        "alter table users add nickname text",
        "drop index ix_users_email",
        'create table "o\'ops; -- \n\\! false \n drop table users;" (id integer)',
    )
    there = contents(existing)
    file = tmp_path / "repair.sql"
    done = ourschool(existing, "adopt", "--repair", str(file), status=3)
    assert "Harmless, can be repaired now (1):\n  index ix_users_email on users: missing" in done.stdout
    assert "Needs a decision (2):\n" in done.stdout
    assert too_wide(done.stdout) == []
    assert "so it was not stamped.\n→ Read " in done.stderr
    assert stamped(existing) is None

    existing.psql("-f", str(file))
    assert contents(existing) == there
    left = adopt(project(existing), existing.url, repair=tmp_path / "again.sql", decided=True)
    assert len(left.findings) == 2
    assert left.only_additions
    existing.psql("-f", str(tmp_path / "again.sql"))
    assert adopt(project(existing), existing.url).stamped
    assert kept(contents(existing), there)


def test_a_repair_is_all_or_nothing(existing: Database, tmp_path: Path) -> None:
    existing.execute("alter table users alter first_name type text", "drop index ix_users_email")
    file = tmp_path / "repair.sql"
    adopt(project(existing), existing.url, repair=file)
    existing.execute("update users set email = 'twice@school'")  # between reading it and running it
    with pytest.raises(AssertionError, match="could not create unique index"):
        existing.psql("-f", str(file))
    assert len(adopt(project(existing), existing.url).findings) == 2


def test_another_database_is_told_from_a_deviating_one(scratch: Database, tmp_path: Path) -> None:
    scratch.execute("create table orders (id integer)", "create table users (login text, secret text)")
    file = tmp_path / "repair.sql"
    done = ourschool(scratch, "adopt", "--repair", str(file), status=3)
    assert "Not this database at all (" in done.stdout
    assert "Harmless" not in done.stdout
    assert "ourschool: This is not the database of revision cd0edd614cc5" in done.stderr
    assert not file.exists()


def test_a_table_that_is_ours_by_name_alone_is_set_aside_whole(existing: Database, tmp_path: Path) -> None:
    existing.execute(
        "drop table journal_entries", "create table journal_entries (id serial primary key, what text)",
        "insert into journal_entries (what) values ('theirs')",
    )  # fmt: skip
    file = tmp_path / "repair.sql"
    done = ourschool(existing, "adopt", "--repair", str(file), "--decided", status=3)
    assert "Not this database" not in done.stdout
    assert "with --decided it is set aside" in " ".join(done.stdout.split())
    existing.psql("-f", str(file))
    assert adopt(project(existing), existing.url).stamped
    assert existing.value("select count(*) from journal_entries") == 0
    (kept_as,) = existing.rows("select format('%I.%I', schemaname, tablename) from pg_tables "
                               "where schemaname = 'retired' and tablename ~ 'journal_entries'")[0]  # fmt: skip
    assert existing.value(f"select what from {kept_as}") == "theirs"


def test_text_for_an_enum_that_is_not_there_is_counted_and_shown(existing: Database, tmp_path: Path) -> None:
    """The type is made by the same repair, so no conversion can be tried before; and one that fails has its query."""
    enum = str(existing.value("select udt_name from information_schema.columns "
                              "where (table_name, column_name) = ('users', 'role')"))  # fmt: skip
    existing.execute(
        "alter table users alter role drop default, alter role type text", f"drop type {enum}",
        "alter table users alter date_of_birth type text using date_of_birth::text",
    )  # fmt: skip
    found = {each.deviation.what: each.repair for each in adopt(project(existing), existing.url).findings}
    assert "every value is one of its labels" in found["column users.role"].note
    existing.execute(
        "update users set role = 'Dean' where id = 1", "update users set date_of_birth = 'May' where id < 4"
    )
    found = {each.deviation.what: each.repair for each in adopt(project(existing), existing.url).findings}
    assert found["column users.role"].note.startswith("1 row holds none of ")
    assert len(existing.rows(found["column users.role"].rows_query)) == 1
    assert found["column users.date_of_birth"].note == "3 rows cannot become date"
    shown = existing.psql("-At", "-c", found["column users.date_of_birth"].rows_query).stdout
    assert len(shown.splitlines()) == 3
    existing.execute(
        "update users set role = 'admin' where id = 1", "update users set date_of_birth = null where id < 4"
    )
    file = tmp_path / "repair.sql"
    adopt(project(existing), existing.url, repair=file, decided=True)
    existing.psql("-f", str(file))
    assert adopt(project(existing), existing.url).stamped


def test_a_revision_of_the_published_application_is_called_that(existing: Database) -> None:
    existing.execute("create table alembic_version (version_num varchar(32) primary key)")
    for theirs in ("add_point_tx_actor_name", "74e3c52e185b"):
        existing.execute("delete from alembic_version", f"insert into alembic_version values ('{theirs}')")
        with pytest.raises(RefusedError) as refused:
            ensure_current(existing.engine())
        assert "of the published application OurSchool, which has revisions of its own" in str(refused.value)
        assert "newer" not in str(refused.value)
    told = ourschool(existing, "identify", status=1).stderr
    assert f"python -m ourschool adopt {BASELINE}" in told
    ourschool(existing, "adopt", BASELINE)
    assert stamped(existing) == BASELINE


def test_an_empty_database_and_a_known_one_are_refused(scratch: Database) -> None:
    done = ourschool(scratch, "adopt", status=3)
    assert "ourschool: The database has no tables: there is nothing to adopt." in done.stderr
    scratch.alembic("upgrade", BASELINE)
    done = ourschool(scratch, "adopt", status=3)
    assert f"Alembic knows this database already: it is at {BASELINE}." in done.stderr
    assert "there was nothing to do" in ourschool(scratch, "adopt", BASELINE).stdout
    assert "There is no revision 'nonsense'" in ourschool(scratch, "adopt", "nonsense", status=2).stderr


def test_a_file_that_is_there_is_not_written_over(existing: Database, tmp_path: Path) -> None:
    file = tmp_path / "repair.sql"
    file.write_text("mine")
    existing.execute("drop index ix_users_email")
    assert "is there already" in ourschool(existing, "adopt", "--repair", str(file), status=2).stderr
    assert file.read_text() == "mine"


@pytest.mark.promise("O8", "O10")
def test_what_is_equal_is_stamped_and_journalled(existing: Database) -> None:
    done = ourschool(existing, "adopt")
    assert f"The database equals revision {BASELINE}, and was stamped with it." in done.stdout
    journal = existing.rows("select revision, direction, outcome from migration_journal")
    assert journal == [(BASELINE, "stamp", "done")]
    existing.alembic("upgrade", "head")


def test_as_json(existing: Database) -> None:
    existing.execute("drop index ix_users_email")
    told = json.loads(ourschool(existing, "adopt", "--json", status=3).stdout)
    (finding,) = told["findings"]
    assert (finding["what"], finding["group"]) == ("index ix_users_email on users", "harmless")
    assert finding["repair"] == ["CREATE UNIQUE INDEX ix_users_email ON users USING btree (email);"]
    assert (told["stamped"], told["before"]) == (False, [])
