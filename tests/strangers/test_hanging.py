"""The way out goes through whatever hangs on a stranger, and brings it back as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool import settings
from ourschool.operate.adopt.adopting import adopt
from ourschool.settings import Settings
from tests.commands.catalogues import catalogue
from tests.existing import rows
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server

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
    return settings.load(ROOT, database_url=database.url.render_as_string(False), environ={})


def set_aside(database: Database, file: Path) -> None:
    adopt(project(database), database.url, BASELINE, repair=file, decided=True)
    database.psql("-f", str(file))


def values(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every relation that somebody else made, as text."""
    return {str(name): database.rows(f"select t::text from {name} as t order by 1") for (name,) in database.rows(RELATIONS)}


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
