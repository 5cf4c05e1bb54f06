"""The way out goes through whatever hangs on a stranger, and brings it back as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.catalogue.compare import compare
from surefoot.operate.adopt.adoption import adopt
from surefoot.runtime import name_conflicts
from surefoot.settings import Settings
from tests.ourschool.existing import rows
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.support.typed import ourschool, too_wide
from tests.surefoot.commands.catalogues import catalogue

BASELINE = "cd0edd614cc5"
NOTHING = "begin return new; end"

ON_A_COLUMN = (
    "create table themes (name text primary key)",
    "insert into themes values ('pink'), ('blue')",
    "alter table users add column theme text default 'pink' not null references themes",
    "alter table users add column external_id text",
    "update users set external_id = 'x' || id",
    "alter table users add constraint ext_u unique (external_id)",
    "create table ext_map (ext text references users (external_id), n integer)",
    "insert into ext_map select external_id, id from users order by id limit 5",
    "create view v_theme as select id, theme, external_id from users",
    "comment on view v_theme is 'mine'",
    "create view v_theme2 as select * from v_theme",
    "create materialized view v_themes as select theme, count(*) as times from v_theme group by theme",
    "create unique index on v_themes (theme)",
    "alter table users add column theme_up text generated always as (upper(theme)) stored",
    "create view v_up as select id, theme_up from users",
    "create index my_theme on users (lower(theme)) where theme is not null",
    "comment on column users.theme is 'their theme'",
    "alter table users alter column theme set statistics 500",
    "create statistics st1 on theme, email from users",
    f"create function tg() returns trigger language plpgsql as '{NOTHING}'",
    "create trigger my_tg before update of theme on users for each row execute function tg()",
    "create trigger my_tg2 before update of theme, email on users for each row execute function tg()",
    "create function pinks() returns bigint begin atomic select count(*) from users where theme = 'pink'; end",
    "alter table users add constraint ext_x exclude using btree (external_id with =)",
    "create policy who on subjects using (exists (select from users where theme = 'pink'))",
)
ON_TABLES = (
    "create table api_keys (id int not null, day date not null, u int references users on delete cascade, foo text) "
    "partition by range (day)",
    "create table api_keys_1 partition of api_keys for values from ('2020-01-01') to ('2027-01-01')",
    "insert into api_keys select id, '2026-01-01', id, 'k' from users",
    "alter table api_keys add primary key (id, day)",
    "create table uses (id int, day date, foreign key (id, day) references api_keys)",
    "insert into uses select id, day from api_keys",
    "create table used (id int, day date, foreign key (id, day) references api_keys) partition by list (id)",
    "create table fees (id serial primary key, foo text, u int references users)",
    "insert into fees (foo, u) select 'f', id from users",
    "create table fees_child (more text) inherits (fees)",
    "insert into fees_child (foo, more) values ('c', 'd')",
    "alter table fees enable row level security",
    "create policy p on fees using (foo = 'f' and exists (select from subjects))",
    "create policy q on subjects using (exists (select from fees))",
    "create rule also as on insert to fees do also insert into uses values (null, null)",
    "create view my_fees as select f.*, u.email from fees f join users u on u.id = f.u",
    "create function fee_of(fees) returns text language sql as 'select $1.foo'",
    "create function all_fees() returns setof fees language sql as 'select * from fees'",
    "create table fee_box (kept fees, many fees[])",
    "create materialized view audit_log as select id, foo from fees",
    "create unique index on audit_log (id)",
    "create table marks (id bigint generated always as identity, a int)",
    "insert into marks (a) select generate_series(1, 10)",
    "create trigger tr before update on marks for each row execute function suppress_redundant_updates_trigger()",
    "create publication pub for table marks",
    "create sequence payments",
    "select setval('payments', 77)",
    "create table pay (id int default nextval('payments'), t text)",
    "create domain shop_items as text check (value <> '')",
    "create table dd (x shop_items, y shop_items[])",
    "insert into dd values ('a', '{b}')",
    "create aggregate keep_name(int) (sfunc = int4pl, stype = int)",
    f"create function keep_name() returns trigger language plpgsql as '{NOTHING}'",
    "create trigger kn before update on dd for each row execute function keep_name()",
    "create function refuse_change() returns int language sql as 'select 5'",
    "create view rc as select refuse_change() as x",
)
STRANGE = [
    "themes", "ext_map", "v_theme", "v_theme2", "v_themes", "v_up", "api_keys", "api_keys_1", "uses", "used", "fees",
    "fees_child", "my_fees", "fee_box", "audit_log", "marks", "pay", "dd", "rc",
]  # fmt: skip
RELATIONS = f"""
    select oid::regclass::text from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
       and relname = any (array{STRANGE})
"""
TOLD_APART = {"a column": ON_A_COLUMN, "tables and programs": ON_TABLES}


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", BASELINE)
        with made.connect() as connection:
            rows.fill(connection, rows.Size.of(student_assignments=30, attendance_records=30, conflicts=False))
        yield str(made.url.database)


@pytest.fixture
def school(newest: Server, template: str) -> Iterator[Database]:
    with fresh(newest, template=template) as made:
        yield made


def project(database: Database) -> Settings:
    return settings.load(PROJECT.at(ROOT), database_url=database.url.render_as_string(False), environ={})


def set_aside(database: Database, file: Path) -> None:
    adopt(project(database), database.url, BASELINE, repair=file, decided=True)
    database.psql("-f", str(file))


def values(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every relation that somebody else made, as text."""
    return {
        str(name): database.rows(f"select t::text from {name} as t order by 1") for (name,) in database.rows(RELATIONS)
    }


@pytest.mark.parametrize("hanging", TOLD_APART)
def test_what_hangs_on_it_does_not_stop_the_way_out(school: Database, tmp_path: Path, hanging: str) -> None:
    school.execute(*TOLD_APART[hanging])
    before, held = catalogue(school), values(school)
    set_aside(school, tmp_path / "repair.sql")
    school.alembic("upgrade", "head")
    school.execute("insert into subjects (name) values ('free')")
    school.execute("delete from subjects where name = 'free'")
    down = school.alembic("downgrade", BASELINE)
    assert "stays set aside" not in down.stderr, down.stderr
    assert school.value("select to_regclass('retired.things') is null or not exists (select from retired.things "
                        "where direction = 'unknown')")  # fmt: skip
    after = catalogue(school)
    assert values(school) == held
    known = {each.name: each for each in before.relations}
    for each in after.relations:
        if each.name in {*STRANGE, "users", "subjects"}:
            assert each == known[each.name]
    assert {each.name for each in after.relations} == set(known)
    assert {each.name for each in after.functions} == {each.name for each in before.functions}


IN_NOBODYS_WAY = (
    "create table notes (id serial primary key, of_user integer references users)",
    "insert into notes (of_user) select id from users",
    "create index my_own on users (last_name)",
    f"create function mine() returns trigger language plpgsql as '{NOTHING}'",
    "create trigger mine before update on notes for each row execute function mine()",
    "create trigger mine_too before update on users for each row execute function mine()",
    "create view my_notes as select * from notes",
    "create type mood as enum ('good')",
    "create table lookups (name text primary key)",
    "insert into lookups values ('dark')",
)


def test_what_is_in_nobodys_way_is_not_moved(school: Database, tmp_path: Path) -> None:
    school.execute(
        *IN_NOBODYS_WAY,
        "alter table users add column theme text references lookups",
        "create index ix_users_parent_id on users (parent_id, email)",
        "create trigger grade_history_append_only before update on grade_history for each row "
        "execute function suppress_redundant_updates_trigger()",
        "create table other (id serial primary key, n integer constraint ix_lesson_assignments_lesson_id unique)",
        "alter sequence other_id_seq rename to payments_id_seq",
    )
    school.alembic("upgrade", "head", status=3)
    before, held = catalogue(school), school.rows("select * from notes order by id")
    set_aside(school, tmp_path / "repair.sql")
    assert school.rows("select table_name, column_name from retired.things") == [("users", "theme")]
    after = catalogue(school)
    there = {each.name: each for each in after.relations}
    assert {"notes", "my_notes", "lookups", "other"} <= set(there)
    assert "my_own" in {each.name for each in there["users"].indexes}
    assert any(each.name.startswith("ix_users_parent_id_before_") for each in there["users"].indexes)
    assert "mine_too" in {each.name for each in there["users"].triggers}
    assert before.functions == after.functions
    school.alembic("upgrade", "head")
    assert school.rows("select * from notes order by id") == held
    assert school.value("select nextval(pg_get_serial_sequence('other', 'id'))") == 1
    school.alembic("downgrade", BASELINE)
    assert (
        school.value("select count(*) from pg_attribute where attrelid = 'users'::regclass and attname = 'theme'") == 1
    )


def test_an_adoption_moves_all_and_gives_back_what_is_in_nobodys_way(school: Database, tmp_path: Path) -> None:
    school.execute(*IN_NOBODYS_WAY, "create table api_keys (id serial primary key, of_note integer)")
    school.execute("drop table alembic_version, migration_journal")
    before, held = catalogue(school), school.rows("select * from notes order by id")
    file = tmp_path / "repair.sql"
    adopt(project(school), school.url, repair=file, decided=True)
    assert "past cd0edd614cc5" not in file.read_text()
    assert "--   to undo it: python -m ourschool adopt --give-back" in file.read_text()
    school.psql("-f", str(file))
    assert adopt(project(school), school.url).stamped
    school.alembic("upgrade", "head")
    told = ourschool(school, "adopt", "--give-back").stdout
    assert "notes is back." in told
    assert "api_keys stays set aside: the way down past d3a80d2c8cc9 gives its name back." in told
    assert too_wide(told) == []
    ((note,),) = school.rows("select note from migration_journal where (direction, outcome) = ('give back', 'done')")
    assert "notes" in str(note)
    assert school.rows("select * from notes order by id") == held
    assert school.rows("select count(*) from my_notes") == [(len(held),)]
    assert [row[0] for row in school.rows("select table_name from retired.things where direction = 'unknown'")] == [
        "api_keys"
    ]
    definition = school.value("select pg_get_triggerdef(oid) from pg_trigger where tgname = 'mine'")
    assert str(definition).endswith("EXECUTE FUNCTION mine()")
    school.alembic("downgrade", BASELINE)
    assert {each.name: each for each in catalogue(school).relations}["notes"] == {
        each.name: each for each in before.relations
    }["notes"]
    assert school.value("select count(*) from api_keys") == 0


def test_who_changes_their_mind_before_the_upgrade_has_all_of_it_back(school: Database, tmp_path: Path) -> None:
    school.execute(*ON_A_COLUMN)
    before, held = catalogue(school), values(school)
    set_aside(school, tmp_path / "repair.sql")
    assert "stays" not in ourschool(school, "adopt", "--give-back").stdout
    assert values(school) == held
    assert compare(before, catalogue(school)).lines() == ()
    assert ourschool(school, "adopt", "--give-back").stdout == "Nothing is set aside for somebody else.\n"


def test_the_file_can_be_read(school: Database, tmp_path: Path) -> None:
    school.execute(*ON_A_COLUMN, *ON_TABLES)
    set_aside(school, tmp_path / "repair.sql")
    lines = (tmp_path / "repair.sql").read_text().splitlines()
    assert [line for line in lines if len(line) > 120] == []
    calls = [line for line in lines if line.startswith("call pg_temp.")]
    assert "call pg_temp.set_aside_column('users', 'theme', '09d841a50304');" in calls


LONG = "ü" * 31


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(("create type marks as range (subtype = numeric)",), id="range type"),
        pytest.param(
            ("create type mine as range (subtype = numeric, multirange_type_name = marks)",), id="multirange type"
        ),
        pytest.param(
            ("create foreign data wrapper nothing", "create server elsewhere foreign data wrapper nothing",
             "create foreign table api_keys (foo text) server elsewhere"),
            id="foreign table",
        ),
        pytest.param(("create table api_keys (foo integer) partition by list (foo)",), id="partitioned table"),
        pytest.param(("create type marks as (foo text)", "create table of_it of marks"), id="composite type"),
        pytest.param(
            ("create table other (id serial primary key, n integer)",
             "create index ix_users_locked_until on other (n)"),
            id="index of another table",
        ),
        pytest.param(("create function keep_name() returns event_trigger language plpgsql as 'begin end'",
                      "create event trigger ev on sql_drop execute function keep_name()"), id="event trigger"),
        pytest.param(("alter table grade_history add constraint grade_history_pkey2 check (id > 0)",
                      f'create table "{LONG}" (id serial primary key)',
                      f'create table api_keys (foo integer references "{LONG}")'), id="a long name"),
        pytest.param(("create rule api_rule as on update to subjects do also select 1",
                      "create table api_keys (foo text)"), id="a rule"),
    ],
)  # fmt: skip
def test_every_kind_of_stranger_has_a_way_out(school: Database, tmp_path: Path, statements: tuple[str, ...]) -> None:
    school.execute(*statements)
    if len(statements) < 3:
        school.alembic("upgrade", "head", status=3)
    set_aside(school, tmp_path / "repair.sql")
    with school.engine().connect() as connection:
        script = ScriptDirectory(str(ROOT / "alembic"))
        pending = [each for each in script.walk_revisions() if each.revision != BASELINE][::-1]
        assert name_conflicts.find(connection, script, (BASELINE,), pending) == []


HINDERED = {
    "is the replica identity": (
        "alter table users add column theme text not null default gen_random_uuid()",
        "create unique index mine on users (theme)",
        "alter table users replica identity using index mine",
    ),
    "its type certain refuses NULL": (
        "create domain certain as text not null check (value <> '')",
        "alter table users add column theme certain default 'x'",
    ),
    "inherits from users": (
        "alter table users add column theme text",
        "create table pupils () inherits (users)",
    ),
    "it belongs to extension": (
        "create table api_keys (id integer)",
        "alter extension plpgsql add table api_keys",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", HINDERED)
def test_what_cannot_be_set_aside_is_told_before_with_what_to_do(school: Database, tmp_path: Path, why: str) -> None:
    school.execute(*HINDERED[why])
    found = adopt(project(school), school.url, BASELINE, repair=tmp_path / "repair.sql", decided=True)
    (told,) = [each.repair for each in found.findings if why in each.repair.note]
    assert told.statements == ()
    assert told.note.startswith("it has to be set aside, but ")
    school.psql("-f", str(tmp_path / "repair.sql"))
