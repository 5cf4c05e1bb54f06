"""SQL as the rules read it: quotes, comments and blocks do not mislead them."""

import pytest

from surefoot.author.lint.sql_tokens import block_statements, split, without_comments, words
from surefoot.author.lint.statement_info import alters, condition, data_target, key_condition, locks, target

KEYS = frozenset({"id"})


def test_words_know_names_strings_and_comments() -> None:
    text = (
        'Update "My Table" -- drop table x;\n'
        "set A = 'it''s; /* no */' /* delete */ where b = E'\\'' and $1::int > $$x$$"
    )
    assert words(text) == (
        "update", "My Table", "set", "a", "=", "'it''s; /* no */'", "where", "b", "=", "E'\\''", "and", "$", "1", "::",
        "int", ">", "$$x$$",
    )  # fmt: skip


def test_split_and_comments_respect_quotes() -> None:
    assert split("a ';' ; b $x$ ; $x$;; -- ; c\n d") == ["a ';'", "b $x$ ; $x$", "-- ; c\n d"]
    assert without_comments("drop -- squawk-ignore\n table /* ; */ t;") == "drop  \n table   t"


def test_the_statements_of_a_block() -> None:
    block = """
        do $body$
        declare
            t record; -- delete from nothing
        begin
            for t in select 1 loop
                update pupils set a = case when b then 1 else 2 end where id = t.id;
                commit;
            end loop;
            if exists (select from pupils) then drop index i; else lock table pupils; end if;
            execute format('alter table %I add %s', 'a', 'b');
            execute statement;
        exception when others then
            raise notice 'truncate pupils';
        end
        $body$
    """
    assert [(inner.sql, inner.part) for inner in block_statements(block)] == [
        ("update pupils set a = case when b then 1 else 2 end where id = t.id", 0),
        ("drop index i", 1),
        ("lock table pupils", 1),
        ('alter table "?" add "?"', 1),
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("update t set a = 1", None),
        ("update t set a = 1 where b is null", None),
        ("update t set a = 1 where id = 5 or b is null", None),
        ("update t set a = u.a from u where u.id = t.id", None),
        ("update t set a = 1 where id in (select id from u)", None),
        ("update t set a = 1 where not_id = 5", None),
        ("delete from t where id = any (array(select id from u))", "range"),
        ("update t set a = 1 where id in (select id from t where a is null limit 100)", "range"),
        ("update t set a = 1 where id >= low and id < low + 5000 and (a is null or b is null)", "range"),
        ("update only s.t as x set a = 1 where x.id between 1 and 10", "range"),
        ("update t set a = 1 where id = 5", "row"),
        ("delete from t where id in (1, 2) returning *", "row"),
    ],
)
def test_what_bounds_an_update(sql: str, expected: str | None) -> None:
    assert key_condition(condition(words(sql)), KEYS) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("with gone as (delete from only a.b where x returning *) insert into c select * from gone", ("delete", "a.b")),
        ("insert into t select * from u", ("insert", "t")),
        ("insert into t values (1)", None),
        ("insert into t (a) values (1) on conflict do update set a = 2", None),
        ("select * from t for update", None),
        ("alter table a add foreign key (b) references c on update set null on delete cascade", None),
    ],
)
def test_which_table_a_statement_writes(sql: str, expected: tuple[str, str] | None) -> None:
    assert data_target(words(sql)) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("alter table if exists only t add a integer", "t"),
        ("alter table t validate constraint c", None),
        ("alter table t alter a set statistics 100", None),
        ("alter table t set (fillfactor = 90)", None),
        ("alter table t validate constraint c, add b integer", "t"),
        ("lock t", "t"),
        ("lock table only t in share mode", None),
        ("lock table t in access exclusive mode nowait", "t"),
        ("truncate table t", "t"),
        ("drop table if exists s.t cascade", "s.t"),
        ("create index on t (a)", None),
    ],
)
def test_what_locks_access_exclusive(sql: str, expected: str | None) -> None:
    assert locks(words(sql)) == expected


def test_the_actions_of_an_alter_table() -> None:
    sql = "alter table t add constraint c check (a in (1, 2)), alter b type numeric(5, 2), drop d"
    assert [" ".join(action[:3]) for action in alters(words(sql))] == ["add constraint c", "alter b type", "drop d"]
    assert target(words("create unique index concurrently if not exists i on only s.t (a)")) == "s.t"
