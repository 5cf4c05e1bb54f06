"""Each rule of our own: the revision that breaks it is found with place, statement and remedy; its twin is silent."""

from collections.abc import Iterator

import pytest

from surefoot.author.lint.linted_history import Report
from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

NOTHING_SAID = """
def autocommit():
    return op.get_context().autocommit_block()
"""

STEPS = {
    "validated-in-the-same-transaction": Step(
        "validated at once",
        """
        op.execute("alter table {t} add constraint {t}_a_check check (a > 0) not valid")
        op.execute("alter table {t} validate constraint {t}_a_check")
        """,
        """
        op.execute('''
            do $$
            begin
                alter table {t} add constraint {t}_b_check check (b <> '') not valid;
                alter table {t} validate constraint {t}_b_check;
                alter table {t} drop constraint {t}_b_check, drop constraint {t}_a_check;
            end
            $$
        ''')
        """,
    ),
    "backfill-in-one-statement": Step(
        "backfilled at once",
        "op.execute(\"update {t} set b = 'x' where b is null\")",
        """
        op.execute('''
            do $$ begin update {t} set b = null from t1 where t1.id = {t}.id; end $$
        ''')
        """,
    ),
    "lock-held-beside-long-work": Step(
        "filled under a lock",
        """
        op.add_column("{t}", sa.Column("d", sa.Integer()))
        op.execute("insert into t1 (a) select a from {t}")
        """,
        """
        op.execute("lock table {t}")
        op.create_index("ix_{t}_a", "{t}", ["a"])
        op.drop_index("ix_{t}_a")
        op.drop_column("{t}", "d")
        """,
    ),
    "rewrites-table": Step(
        "rewritten",
        """
        op.alter_column("{t}", "a", type_=sa.Text())
        """,
        """
        op.execute('''
            do $$ begin execute format('alter table %I alter a type integer using a::integer', '{t}'); end $$
        ''')
        """,
    ),
    "loses-data": Step(
        "lost",
        """
        op.drop_column("{t}", "b")
        """,
        """
        op.execute('''
            do $$ begin execute format('drop ' || 'table %I', '{t}'); end $$
        ''')
        op.execute('''create table {t} (id bigint primary key, a integer, b text)''')
        """,
    ),
    "not-rerunnable": Step(
        "once only",
        """
        with autocommit():
            op.add_column("{t}", sa.Column("d", sa.Integer()))
        """,
        """
        with autocommit():
            op.execute("alter table {t} drop column if exists e, drop column d")
        """,
        NOTHING_SAID,
    ),
}
"""A bad revision for each rule: its upgrade breaks it openly, its downgrade in a way that only the database tells."""

MARKS = {
    "validated-in-the-same-transaction": ("validate constraint {t}_a_check", "op.execute(", "op.add_check_online("),
    "backfill-in-one-statement": ("update {t} set b = 'x'", "op.execute(", 'op.backfill("{t}", {"b": '),
    "lock-held-beside-long-work": ("insert into t1 (a)", "op.execute(", "a revision of its own"),
    "rewrites-table": ("ALTER COLUMN a TYPE TEXT", "op.alter_column(", 'op.change_types_online("{t}", {"a": '),
    "loses-data": ("DROP COLUMN b", "op.drop_column(", 'op.retire_column("{t}", "b")'),
    "not-rerunnable": ("ADD COLUMN d", "op.add_column(", "if_not_exists=True"),
}
"""Of what upgrade() breaks: the statement, the code it points at, the remedy."""

MORE = {
    "truncated": (Step("truncated", 'op.execute("truncate {t}")'), "loses-data", "op.retire_rows"),
    "deleted": (Step("deleted", 'op.execute("delete from {t} where id = 7")'), "loses-data", "op.retire_rows"),
    "dropped": (
        Step("dropped", 'op.drop_table("{t}")', 'op.execute("create table {t} (id bigint)")'),
        "loses-data",
        'op.retire_table("{t}")',
    ),
    "schema dropped": (
        Step("schema dropped", 'op.execute("create schema s{t}")\nop.execute("drop schema s{t} cascade")'),
        "loses-data",
        "op.retire_table",
    ),
    "volatile default": (
        Step(
            "volatile default",
            'op.execute("alter table {t} add u uuid default gen_random_uuid()")',
            'op.drop_column("{t}", "u")',
        ),
        "rewrites-table",
        "op.change_types_online",
    ),
    "inserted twice": (
        Step(
            "inserted twice",
            'with autocommit():\n    op.execute("insert into {t} (a) values (1)")',
            'op.execute("delete from {t}")',
            before=NOTHING_SAID,
        ),
        "not-rerunnable",
        "on conflict do nothing",
    ),
    "constraint twice": (
        Step(
            "constraint twice",
            'with autocommit():\n    op.execute("alter table {t} add check (a > 0) not valid")',
            before=NOTHING_SAID,
        ),
        "not-rerunnable",
        "if not exists",
    ),
    "invalid leftover": (
        Step(
            "invalid leftover",
            'with autocommit():\n    op.execute("create index concurrently if not exists ix_{t}_a on {t} (a)")',
            'op.drop_index_online("ix_{t}_a", "{t}")',
            before=NOTHING_SAID,
        ),
        "not-rerunnable",
        'op.create_index_online("ix_{t}_a", "{t}", ["a"])',
    ),
}
"""Other ways to break a rule: what finds them, and a part of the remedy."""

GOOD = (
    Step(
        "validated apart",
        """
        with autocommit():
            op.execute('''
                alter table {t}
                drop constraint if exists {t}_a_check, add constraint {t}_a_check check (a > 0) not valid
            ''')
            op.execute("alter table {t} validate constraint {t}_a_check")
        """,
        'op.drop_constraint("{t}_a_check", "{t}")',
        before=NOTHING_SAID,
    ),
    Step(
        "validated online",
        'op.add_check_online("{t}_a_check", "{t}", "a > 0")',
        'op.drop_constraint_online("{t}_a_check", "{t}")',
    ),
    Step("backfilled online", 'op.backfill("{t}", {"b": "\'x\'"}, "b is null")'),
    Step("column retired", 'op.retire_column("{t}", "b")', 'op.restore_column("{t}", "b")'),
    Step(
        "column added",
        """
        if not op.restore_column("{t}", "d"):
            op.add_column("{t}", sa.Column("d", sa.Integer()), if_not_exists=True)
        """,
        'op.retire_column("{t}", "d")',
    ),
    Step("table retired", 'op.retire_table("{t}")', 'op.restore_table("{t}")'),
    Step("rows retired", 'op.retire_rows("{t}", "a is null")', 'op.restore_rows("{t}")'),
    Step(
        "type changed",
        'op.change_types_online("{t}", {"a": (sa.Text(), "a::text", "a::integer")})',
        'op.change_types_online("{t}", {"a": (sa.Integer(), "a::integer", "a::text")})',
    ),
    Step(
        "by key",
        """
        op.execute("update {t} set b = 'x' where id between 1 and 1000 and b is null")
        op.execute("update {t} set b = 'x' where id in (select id from {t} where b is null limit 500)")
        op.get_bind().execute(sa.text("update {t} set b = :b where {t}.id = :id"), {"b": "50 %", "id": 7})
        """,
        """
        with op.get_context().autocommit_block():
            op.execute('''
                do $$
                declare
                    low bigint := 0;
                begin
                    while low < 10000 loop
                        update {t} set b = null where id >= low and id < low + 5000;
                        commit;
                        low := low + 5000;
                    end loop;
                end
                $$
            ''')
        """,
    ),
    Step("lock alone", 'op.execute("alter table {t} add if not exists d integer not null default 0")'),
    Step(
        "new table",
        """
        op.create_table("{t}_new", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("c", sa.String(5)))
        op.create_index("ix_{t}_new_c", "{t}_new", ["c"])
        op.execute("insert into {t}_new (id) select 1")
        op.execute("update {t}_new set c = 'x'")
        op.execute("alter table {t}_new alter c set not null, add constraint {t}_new_c unique (c)")
        op.execute("delete from {t}_new")
        op.alter_column("{t}_new", "c", type_=sa.Integer(), postgresql_using="c::integer")
        op.drop_table("{t}_new")
        """,
    ),
    Step(
        "no rewrite",
        """
        op.alter_column("{t}", "c", type_=sa.String(40))
        op.alter_column("{t}", "c", type_=sa.Text())
        """,
    ),
    Step(
        "rerunnable",
        'with autocommit():\n    op.execute("alter table {t} add if not exists d int")',
        before=NOTHING_SAID,
    ),
    Step(
        "guarded",
        """
        with autocommit():
            if "d" not in [each["name"] for each in sa.inspect(op.get_bind()).get_columns("{t}")]:
                op.add_column("{t}", sa.Column("d", sa.Integer()))
        op.add_column("{t}", sa.Column("e", sa.Integer()), if_not_exists=True)
        """,
        before=NOTHING_SAID,
    ),
)

STEPS_IN_ORDER = (*STEPS.values(), *(step for step, _, _ in MORE.values()), *GOOD)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return write(project_in(tmp_path_factory), STEPS_IN_ORDER)


@pytest.fixture(scope="module")
def report(chain: Chain, newest: Server) -> Iterator[Report]:
    with fresh(newest) as database:
        yield chain.lint(database)


def table_of(name: str) -> str:
    return f"t{[step.name for step in STEPS_IN_ORDER].index(name) + 1}"


@pytest.mark.parametrize("rule", STEPS)
def test_what_breaks_a_rule_is_found_where_it_stands(chain: Chain, report: Report, rule: str) -> None:
    name = STEPS[rule].name
    statement, code, remedy = (text.replace("{t}", table_of(name)) for text in MARKS[rule])
    found = [each for each in chain.found(report, name) if each.rule == rule and each.direction == "upgrade"]
    assert len(found) == 1
    assert statement in found[0].statement
    assert chain.code(found[0]).startswith(code)
    assert remedy in found[0].safe
    assert found[0].revision == chain.revision(name)


@pytest.mark.parametrize("rule", STEPS)
def test_the_way_back_and_blocks_are_held_to_it_too(chain: Chain, report: Report, rule: str) -> None:
    found = [each for each in chain.found(report, STEPS[rule].name) if each.rule == rule]
    assert [each.direction for each in found if each.direction == "downgrade"] == ["downgrade"]


@pytest.mark.parametrize("name", MORE)
def test_other_ways_to_break_it(chain: Chain, report: Report, name: str) -> None:
    step, rule, remedy = MORE[name]
    found = [each for each in chain.found(report, step.name) if each.direction == "upgrade"]
    assert rule in {each.rule for each in found}
    assert any(remedy.replace("{t}", table_of(name)) in each.safe for each in found if each.rule == rule)


@pytest.mark.parametrize("name", [step.name for step in GOOD])
def test_the_good_twin_is_silent(chain: Chain, report: Report, name: str) -> None:
    assert [(each.rule, each.statement) for each in chain.found(report, name)] == []
