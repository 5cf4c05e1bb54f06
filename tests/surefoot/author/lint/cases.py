"""Snippets of revisions, unsafe and safe ones, each on a table {t} of its own."""

from dataclasses import dataclass

TABLE = """
    create table {t} (
        id bigint generated always as identity primary key,
        a integer,
        b text,
        c varchar(20) not null default 'x',
        other bigint,
        during int4range
    )
"""
CODE = "alter table {t} add code text unique"
NO_OTHER = "alter table {t} add check (other is null)"
"""So that the sample rows fit the foreign key that a snippet adds."""
INDEXED_KEY = """
    alter table {t} add constraint {t}_other_fkey foreign key (other) references {t} (id);
    create index {t}_other_idx on {t} (other)
"""
FUNCTION = """
    create function {t}_fill() returns bigint language plpgsql as $$
    begin
        update {t} set b = 'x';
        return 1;
    end
    $$
"""
TRIGGER = """
    create function {t}_touch() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger {t}_touched before update on {t} for each row execute function {t}_touch()
"""
VIEWS = "create view {t}_view as select * from {t}; create view {t}_names as select b from {t}_view"
PARTITIONED = "create table {t}_all (id bigint not null, a integer) partition by range (id)"


@dataclass(frozen=True)
class Case:
    """A snippet of upgrade(), the rule that finds it ("" for a safe one), the way back, what is there before.

    Those of one `group` make one revision, in this order.
    """

    name: str
    rule: str
    upgrade: str
    downgrade: str = ""
    setup: str = ""
    group: str = ""
    top: str = ""


def sql(text: str) -> str:
    """Return the call that executes some SQL."""
    return f'op.execute("""{text}""")'


ROWS = "backfill-in-one-statement"
UNSAFE_ROWS = [
    Case("sleeps without a lock", "", sql("select pg_sleep(0.001) /* {t} */")),
    Case("every row", ROWS, sql("update {t} set b = 'x'")),
    Case("a key above nought", ROWS, sql("update {t} set b = 'x' where id > 0")),
    Case("a key below the last", ROWS, sql("update {t} set b = 'x' where 9223372036854775807 > id")),
    Case("a range that holds all", ROWS, sql("update {t} set b = 'x' where id between 0 and 999999999999")),
    Case("what is null", ROWS, sql("update {t} set b = 'x' where b is null")),
    Case("a key in a CASE", ROWS, sql("update {t} set b = 'x' where case when id = 5 then true else true end")),
    Case("a key or more", ROWS, sql("update {t} set b = 'x' where id = 5 or b is not null")),
    Case("a key that is another column", ROWS, sql("update {t} set b = 'x' where id = coalesce(other, id)")),
    Case("a key in a function", ROWS, sql("update {t} set b = 'x' where abs(id) = 5")),
    Case("a key in a comment", ROWS, sql("update {t} set b = 'x' /* where id = 5 /* or */ and id = 7 */ where true")),
    Case("a key of a joined table", ROWS, sql("update {t} set b = o.b from {t} as o where o.id = {t}.id")),
    Case(
        "MERGE",
        ROWS,
        sql("merge into {t} using {t} as o on o.id = {t}.id when matched then update set b = 'x'"),
    ),
    Case(
        "ON CONFLICT",
        ROWS,
        sql("""insert into {t} (id, c) overriding system value select id, 'y' from {t}
               on conflict (id) do update set b = excluded.c"""),
    ),
    Case("in a WITH", ROWS, sql("with done as (update {t} set b = 'x' returning 1) select count(*) from done")),
    Case("by a function", ROWS, sql("select {t}_fill()"), setup=FUNCTION),
    Case("by SQLAlchemy", ROWS, "op.execute(sa.update(sa.table('{t}', sa.column('b'))).values(b='x'))"),
    Case(
        "row by row in a block",
        ROWS,
        sql("""do $$ declare r record; begin
                   for r in select id from {t} loop update {t} set b = 'x' where id = r.id; end loop;
               end $$"""),
    ),
    Case("in dynamic SQL", ROWS, sql("do $$ begin execute 'upd' || chr(97) || 'te {t} set b = ''x'''; end $$")),
    Case(
        "row by row in Python",
        "loop-over-rows",
        """
        for row in op.get_bind().execute(sa.text("select id from {t}")).all():
            op.execute(sa.text("update {t} set b = 'x' where id = :id").bindparams(id=row.id))
        """,
    ),
    Case(
        "copied row by row",
        "loop-over-rows",
        """
        for row in op.get_bind().execute(sa.text("select id, a from {t}")).all():
            op.execute(f"insert into {t}_more values ({row.id})")
        """,
        setup="create table {t}_more (id bigint)",
    ),
    Case(
        "executemany",
        "loop-over-rows",
        """
        keys = [{"key": row.id} for row in op.get_bind().execute(sa.text("select id from {t}"))]
        if keys:
            op.get_bind().execute(sa.text("update {t} set b = 'x' where id = :key"), keys)
        """,
    ),
    Case("deleted on the way up", "loses-data", sql("delete from {t} where id in (1, 2)")),
    Case("merged away", "loses-data", sql("merge into {t} using {t} as o on o.id = -{t}.id when matched then delete")),
    Case("truncated", "loses-data", sql("truncate {t}")),
    Case("the server sleeps, rows changed", "waits-under-lock", sql("select pg_sleep(0.001) /* {t} */")),
]
LOST = [
    Case("column", "loses-data", "op.drop_column('{t}', 'b')", sql("alter table {t} add b text")),
    Case("type and its columns", "loses-data", sql("drop type {t}_mood cascade"),
         sql("create type {t}_mood as enum ('a'); alter table {t} add mood {t}_mood"),
         "create type {t}_mood as enum ('a'); alter table {t} add mood {t}_mood"),
    Case("table", "loses-data", "op.drop_table('{t}')", sql("create table {t} (id bigint)")),
    Case("text for number", "rewrites-table", "op.alter_column('{t}', 'a', type_=sa.Text())",
         sql("alter table {t} alter a type integer using a::integer")),
    Case("a default by row", "rewrites-table", sql("alter table {t} add u uuid default gen_random_uuid()"),
         "op.drop_column('{t}', 'u')"),
    Case("generated", "rewrites-table", sql("alter table {t} add g integer generated always as (a + 1) stored"),
         "op.drop_column('{t}', 'g')"),
    Case("clustered", "rewrites-table", sql("cluster {t} using {t}_pkey")),
    Case("unlogged", "rewrites-table", sql("alter table {t} set unlogged"), sql("alter table {t} set logged")),
]  # fmt: skip
LOCKS = [
    Case("locked", "lock-table", sql("lock table {t}")),
    Case("locked against writers", "lock-table", sql("lock table only {t} in share mode nowait")),
    Case("locked in a block", "lock-table", sql("do $$ begin lock table {t} in exclusive mode; end $$")),
    Case("the server sleeps", "waits-under-lock", sql("select pg_sleep(0.01)")),
    Case("a block sleeps", "waits-under-lock", sql("do $$ begin perform pg_sleep_for('10 ms'); end $$")),
    Case(
        "Python computes",
        "waits-under-lock",
        "time.sleep(0.6)\nop.execute('select 1 -- {t}')",
        top="import time",
    ),
    Case("an index under the lock", "lock-held-beside-long-work", sql("create index on {t} (a)")),
]
SQUAWK = [
    Case("index", "require-concurrent-index-creation", "op.create_index('ix_{t}_a', '{t}', ['a'])",
         "op.drop_index('ix_{t}_a')"),
    Case("index goes", "require-concurrent-index-deletion", sql("drop index {t}_a_idx"),
         sql("create index {t}_a_idx on {t} (a)"), "create index {t}_a_idx on {t} (a)"),
    Case("unique", "disallowed-unique-constraint", "op.create_unique_constraint('{t}_u', '{t}', ['id', 'a'])",
         "op.drop_constraint('{t}_u', '{t}')"),
    Case("check", "constraint-missing-not-valid", sql("alter table {t} add constraint {t}_ck check (id > 0)"),
         "op.drop_constraint(op.f('{t}_ck'), '{t}')"),
    Case("foreign key", "adding-foreign-key-constraint",
         sql("alter table {t} add constraint {t}_fk foreign key (id) references {t} (id)"),
         "op.drop_constraint(op.f('{t}_fk'), '{t}')"),
    Case("not null", "adding-not-nullable-field", sql("alter table {t} alter id set not null")),
    Case("column renamed", "renaming-column", "op.alter_column('{t}', 'a', new_column_name='aa')",
         "op.alter_column('{t}', 'aa', new_column_name='a')"),
    Case("table renamed", "renaming-table", "op.rename_table('{t}', '{t}_new')", "op.rename_table('{t}_new', '{t}')"),
    Case("reindexed", "require-concurrent-reindex", sql("reindex table {t}")),
    Case("validated at once", "validated-in-the-same-transaction",
         "op.execute('alter table {t} add constraint {t}_v check (id > 0) not valid')\n"
         "op.execute('alter table {t} validate constraint {t}_v')",
         "op.drop_constraint(op.f('{t}_v'), '{t}')"),
    Case("a new column refers, by a second statement", "adding-foreign-key-constraint",
         "op.add_column('{t}', sa.Column('boss', sa.BigInteger()))\n"
         "op.create_foreign_key(op.f('{t}_boss'), '{t}', '{t}', ['boss'], ['id'])",
         "op.drop_column('{t}', 'boss')"),
]  # fmt: skip
SCHEMA = [
    Case("no two overlap", "exclusion-constraint-scans",
         sql("alter table {t} add constraint {t}_x exclude using gist (during with &&) where (during is null)"),
         "op.drop_constraint(op.f('{t}_x'), '{t}')"),
    Case("a view and what is on it", "cascade-takes-others", sql("drop view {t}_view cascade"),
         sql(VIEWS), VIEWS),
    Case("a function and its trigger", "cascade-takes-others", sql("drop function {t}_touch cascade"),
         sql(TRIGGER), TRIGGER),
    Case("a key and what refers to it", "cascade-takes-others", sql("alter table {t} drop constraint {t}_pkey cascade"),
         sql("alter table {t} add primary key (id); "
             "alter table {t}_more add constraint refers foreign key (id) references {t} (id)"),
         "create table {t}_more (id bigint primary key constraint refers references {t} (id))"),
    Case("a column and the view", "cascade-takes-others", sql("alter table {t} drop column a cascade"),
         sql("alter table {t} add a integer; create view {t}_a as select a from {t}"),
         "create view {t}_a as select a from {t}"),
    Case("default", "drops-needed-default", sql("alter table {t} alter c drop default"),
         sql("alter table {t} alter c set default 'x'")),
    Case("default by Alembic", "drops-needed-default", "op.alter_column('{t}', 'c', server_default=None)",
         sql("alter table {t} alter c set default 'x'")),
    Case("identity", "drops-needed-default", sql("alter table {t} alter id drop identity"),
         sql("alter table {t} alter id add generated always as identity (start 9000000)")),
    Case("json", "json-column", "op.add_column('{t}', sa.Column('j', sa.JSON()))", "op.drop_column('{t}', 'j')"),
    Case("list of json", "json-column", sql("alter table {t} add j json[]"), "op.drop_column('{t}', 'j')"),
    Case("json in a new table", "json-column", sql("create table {t}_new (id bigint primary key, j json)"),
         sql("drop table {t}_new")),
    Case("view refreshed", "refresh-blocks-readers", sql("refresh materialized view {t}_sum"), "",
         "create materialized view {t}_sum as select count(*) from {t}"),
    Case("partition", "attach-scans-table",
         sql("alter table {t}_all attach partition {t}_part for values from (0) to (100000000000)"),
         sql("alter table {t}_all detach partition {t}_part"),
         PARTITIONED + "; create table {t}_part (like {t}_all); insert into {t}_part values (5, 5)"),
    Case("no index", "foreign-key-without-index",
         "op.add_foreign_key_online('{t}_nx', '{t}', '{t}', ['other'], ['id'])",
         "op.drop_constraint_online('{t}_nx', '{t}')", NO_OTHER),
    Case("no index in a new table", "foreign-key-without-index",
         sql("create table {t}_new (id bigint primary key, up bigint references {t} (id))"),
         sql("drop table {t}_new")),
    Case("no index, and rows refer", "foreign-key-without-index",
         sql("alter table {t} add up bigint references {t} (id)") + "\n" + sql("update {t} set up = id where id = 5")
         + "\nop.backfill('{t}', {'up': 'id'}, 'up is null')",
         "op.drop_column('{t}', 'up')"),
    Case("an index of another column", "foreign-key-without-index",
         "op.create_index_online('{t}_m', '{t}', ['a', 'other'])\n"
         "op.add_foreign_key_online('{t}_nx', '{t}', '{t}', ['other'], ['id'])",
         "op.drop_constraint_online('{t}_nx', '{t}')\nop.drop_index_online('{t}_m', '{t}')", NO_OTHER),
    Case("a partition with another check", "attach-scans-table",
         sql("alter table {t}_all attach partition {t}_part for values from (0) to (100000000000)"),
         sql("alter table {t}_all detach partition {t}_part"),
         PARTITIONED + "; create table {t}_part (id bigint not null, a integer check (a > 0))"),
    Case("another type", "foreign-key-of-another-type",
         sql("create table {t}_new (up integer primary key references {t} (id))"), sql("drop table {t}_new")),
    Case("index of a foreign key", "drops-index-of-foreign-key", "op.drop_index_online('{t}_other_idx')",
         sql("create index {t}_other_idx on {t} (other)"), INDEXED_KEY),
]  # fmt: skip
PROTECTION = [
    Case("all triggers", "triggers-switched-off", sql("alter table {t} disable trigger all"),
         sql("alter table {t} enable trigger all"), TRIGGER),
    Case("one trigger", "triggers-switched-off",
         sql("do $$ begin alter table {t} disable trigger {t}_touched; alter table {t} enable trigger {t}_touched; "
             "end $$"), "", TRIGGER),
    Case("no lock timeout", "protective-setting-changed",
         sql("set lock_timeout = 0 /* {t} */") + "\nop.execute('reset lock_timeout')"),
    Case("no lock timeout for now", "protective-setting-changed", sql("set local lock_timeout to '0s' /* {t} */")),
    Case("no lock timeout by a function", "protective-setting-changed",
         sql("select set_config('lock_timeout', '1h', true) /* {t} */")),
    Case("for ever idle", "protective-setting-changed", sql("set idle_in_transaction_session_timeout = 0 /* {t} */")),
    Case("a timeout that stays", "protective-setting-changed", sql("set statement_timeout = '5min' /* {t} */")),
    Case("as a replica", "protective-setting-changed", sql("set local session_replication_role = replica /* {t} */")),
    Case("rows hidden", "protective-setting-changed", sql("do $$ begin set local row_security = on; end $$ /* {t} */")),
    Case("all may read", "grant-to-public", sql("grant select on {t} to public"), sql("revoke all on {t} from public")),
    Case("all may read a column", "grant-to-public", sql("grant select (b) on {t} to public"),
         sql("revoke select (b) on {t} from public")),
    Case("all may make", "grant-to-public", sql("grant create on schema {t}_s to public"),
         sql("revoke create on schema {t}_s from public"), "create schema {t}_s"),
    Case("all may call", "grant-to-public", sql("grant execute on function {t}_fill to public"),
         sql("revoke execute on function {t}_fill from public"),
         FUNCTION + "; revoke execute on function {t}_fill from public"),
    Case("all may read what comes", "grant-to-public",
         sql("alter default privileges in schema {t}_s grant select on tables to public"),
         sql("alter default privileges in schema {t}_s revoke select on tables from public"), "create schema {t}_s"),
    Case("no policy", "row-security-without-policy", sql("alter table {t} enable row level security"),
         sql("alter table {t} disable row level security")),
    Case("the last policy goes", "row-security-without-policy", sql("drop policy {t}_p on {t}"),
         sql("create policy {t}_p on {t} using (true)"),
         "alter table {t} enable row level security; create policy {t}_p on {t} using (true)"),
    Case("row security off", "row-security-switched-off", sql("alter table {t} disable row level security"),
         sql("alter table {t} enable row level security"),
         "alter table {t} enable row level security; create policy {t}_p on {t} using (true)"),
    Case("models at hand", "imports-application", "from ourschool.models import Base  # {t}\nassert Base"),
    Case("any module of models", "imports-application",
         "try:\n    import school.models  # {t}\nexcept ImportError:\n    pass"),
]  # fmt: skip
SAFE_ROWS = [
    Case("sleeps without a lock", "", sql("select pg_sleep(0.001) /* {t} */")),
    Case("one key", "", sql("update {t} set b = 'x' where id = 5")),
    Case("some keys", "", sql("update {t} set b = 'x' where {t}.id in (1, 2, 3)")),
    Case("a unique text", "", sql("update {t} set b = 'x' where code = 'art'"), setup=CODE),
    Case("a range", "", sql("update {t} set b = 'x' where id between 1 and 1000 and b is null")),
    Case("a range in words", "", sql("update {t} set b = 'x' where 0 < id and id <= 1000 and (b = '' or b is null)")),
    Case("a few", "", sql("update {t} set b = 'x' where id in (select id from {t} where b is null limit 500)")),
    Case("a comment that says update", "", sql("select 1 -- update {t} set b = 'x'\n/* delete /* from {t} */ */")),
    Case("a string that says drop", "", sql("update {t} set b = 'delete from {t}; drop table {t}' where id = 1")),
    Case("lookup rows", "", sql("insert into {t} (code) values ('{t}-a'), ('{t}-b') on conflict do nothing"),
         sql("delete from {t} where code in ('{t}-a', '{t}-b')"), setup=CODE),
    Case("thirty lookup rows",
         "",
         "for number in range(30):\n    op.execute(f\"insert into {t} (code) values ('{t}-{number}')\")",
         "for number in range(30):\n    op.execute(f\"delete from {t} where code = '{t}-{number}'\")", setup=CODE),
    Case("bulk insert", "",
         "op.bulk_insert(sa.table('{t}', sa.column('code')), [{'code': f'{t}-{n}'} for n in range(30)])",
         "codes = ', '.join(f\"'{t}-{n}'\" for n in range(30))\n"
         "op.execute(f'delete from {t} where code in ({codes})')", setup=CODE),
    Case("one key in a block", "",
         sql("do $$ declare n bigint := 5; begin update {t} set b = 'x' where id = n; end $$")),
    Case("batches by key in Python", "",
         """
         for low in range(0, 200000, 2000):
             op.execute(sa.text("update {t} set b = 'x' where id >= :low and id < :low + 2000").bindparams(low=low))
         """),
    Case("a weak lock", "", sql("lock table {t} in row share mode")),
    Case("rows locked by key", "", sql("select * from {t} where id = 5 for update")),
    Case("a new table", "",
         """
         op.create_table("{t}_new", sa.Column("id", sa.BigInteger(), primary_key=True), sa.Column("c", sa.String(5)))
         op.create_index("ix_{t}_new_c", "{t}_new", ["c"])
         op.execute("alter table {t}_new add constraint {t}_x exclude using gist (int8range(id, id) with &&)")
         op.execute("lock table {t}_new")
         op.execute("insert into {t}_new (id) select 1")
         op.execute("update {t}_new set c = 'x'")
         op.execute("alter table {t}_new alter c set not null")
         op.execute("truncate {t}_new")
         op.drop_table("{t}_new")
         """),
]  # fmt: skip
SAFE_ALTERS = [
    Case("refers inline, indexed later", "", sql("alter table {t} add if not exists up bigint references {t} (id)")),
    Case("column", "", "op.add_column('{t}', sa.Column('n', sa.Integer()), if_not_exists=True)"),
    Case("jsonb", "", sql("alter table {t} add if not exists j jsonb")),
    Case("column with a default", "", sql("alter table {t} add if not exists n integer not null default 0")),
    Case("wider", "", "op.alter_column('{t}', 'c', type_=sa.String(40))"),
    Case("default", "", sql("alter table {t} alter c set default 'y'"), sql("alter table {t} alter c set default 'x'")),
    Case("default of what may be null", "", sql("alter table {t} alter b drop default")),
    Case("not null goes", "", sql("alter table {t} alter c drop not null, alter c drop default"),
         sql("alter table {t} alter c set default 'x'")),
    Case("check for what comes", "", sql("alter table {t} add constraint {t}_c check (a > 0) not valid"),
         "op.drop_constraint(op.f('{t}_c'), '{t}')"),
    Case("statistics", "", sql("alter table {t} alter b set statistics 500")),
    Case("storage", "", sql("alter table {t} set (fillfactor = 90)")),
    Case("comment", "", sql("comment on table {t} is 'drop table {t}'")),
    Case("rights of a role", "", sql("grant select on {t} to pg_monitor"), sql("revoke select on {t} from pg_monitor")),
    Case("function", "", sql("create or replace function {t}_f() returns int language sql as 'select 1'"),
         sql("drop function {t}_f()")),
    Case("trigger", "", sql(TRIGGER), sql("drop trigger {t}_touched on {t}; drop function {t}_touch")),
    Case("row security and its policy", "",
         sql("alter table {t} enable row level security; create policy {t}_p on {t} using (true)"),
         sql("drop policy {t}_p on {t}; alter table {t} disable row level security")),
    Case("a timeout for now", "", sql("set local lock_timeout = '1s' /* {t} */")),
    Case("a timeout given back", "",
         "op.execute(\"set lock_timeout = '1s'\")\nop.execute('reset lock_timeout /* {t} */')"),
    Case("views by name", "", sql("drop view {t}_names, {t}_view"), sql(VIEWS), VIEWS),
    Case("views by names made up", "",
         sql("do $$ begin execute format('drop view %I, %I', '{t}_' || 'names', '{t}_' || 'view'); end $$"),
         sql(VIEWS), VIEWS),
    Case("views made again", "", "op.execute('drop view {t}_view cascade')\n" + sql(VIEWS), "", VIEWS),
    Case("partition that fits", "",
         sql("alter table {t}_all attach partition {t}_part for values from (0) to (100000000000)"),
         "# lint: require-concurrent-partition-detach the way back is gone at night\n"
         + sql("alter table {t}_all detach partition {t}_part"),
         PARTITIONED + "; create table {t}_part (id bigint not null check (id >= 0 and id < 100000000000), a integer)"),
]  # fmt: skip
SAFE_ONLINE = [
    Case("index of what is not null", "", "op.create_index_online('{t}_i', '{t}', ['other'], "
         "postgresql_where=sa.text('other is not null'))\n"
         "op.add_foreign_key_online('{t}_fk', '{t}', '{t}', ['other'], ['id'])",
         "op.drop_constraint_online('{t}_fk', '{t}')\nop.drop_index_online('{t}_i', '{t}')", NO_OTHER),
    Case("index of another index's columns", "", "op.drop_index_online('{t}_more_idx')",
         "op.create_index_online('{t}_more_idx', '{t}', ['other', 'a'])",
         INDEXED_KEY + "; create index {t}_more_idx on {t} (other, a)"),
    Case("refers inline", "",
         "column = sa.Column('up', sa.BigInteger(), sa.ForeignKey('{t}.id'))\n"
         "if not op.restore_column('{t}', 'up'):\n"
         "    op.add_column('{t}', column, inline_references=True, if_not_exists=True)\n"
         "op.create_index_online('ix_{t}_up', '{t}', ['up'])",
         "op.retire_column('{t}', 'up')"),
    Case("view refreshed", "",
         "with op.get_context().autocommit_block():\n"
         "    op.execute('refresh materialized view concurrently {t}_sum')", "",
         "create materialized view {t}_sum as select id from {t}; create unique index on {t}_sum (id)"),
    Case("check online", "",
         "op.add_check_online('{t}_c', '{t}', 'id > 0')", "op.drop_constraint_online('{t}_c', '{t}')"),
    Case("unique online", "", "op.add_unique_online('{t}_u', '{t}', ['id', 'a'])",
         "op.drop_constraint_online('{t}_u', '{t}')"),
    Case("filled online", "", "op.backfill('{t}', {'b': \"'x'\"}, \"b is distinct from 'x'\")"),
    Case("type online", "", "op.change_types_online('{t}', {'a': (sa.Text(), 'a::text', 'a::integer')})",
         "op.change_types_online('{t}', {'a': (sa.Integer(), 'a::integer', 'a::text')})"),
    Case("column retired", "", "op.retire_column('{t}', 'b')", "op.restore_column('{t}', 'b')"),
    Case("table retired", "", "op.retire_table('{t}')", "op.restore_table('{t}')"),
]  # fmt: skip
UNSAFE = {"rows": UNSAFE_ROWS, "lost": LOST, "squawk": SQUAWK, "schema": SCHEMA, "protection": PROTECTION}
LOCKED = {"locks": LOCKS}
SAFE = {"safe rows": SAFE_ROWS, "safe alters": SAFE_ALTERS, "safe online": SAFE_ONLINE}
GROUPS = UNSAFE | LOCKED | SAFE
