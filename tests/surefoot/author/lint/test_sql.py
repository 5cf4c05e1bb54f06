"""SQL as the rules read it: quotes, comments, blocks and the grammar of WHERE do not mislead them."""

import pytest

from surefoot.author.lint.sql_tokens import split, without_comments, words
from surefoot.author.lint.statement_info import actions, bound, changes, deletes, locks, reads, scans, target
from surefoot.author.lint.syntax import Parsed, block_statements, parse

KEYS = frozenset({"id"})
COLUMNS = frozenset({"id", "a", "b", "other_id"})


def one(sql: str) -> Parsed:
    (parsed,) = parse(sql)
    return parsed


def test_words_know_names_strings_and_comments() -> None:
    text = (
        'Update "My Table" -- drop table x;\n'
        "set A = 'it''s; /* no */' /* delete /* nested */ from x */ where b = E'\\'' and $1::int > $$x$$"
    )
    assert words(text) == (
        "update", "My Table", "set", "a", "=", "'it''s; /* no */'", "where", "b", "=", "E'\\''", "and", "$", "1", "::",
        "int", ">", "$$x$$",
    )  # fmt: skip


def test_split_and_comments_respect_quotes() -> None:
    assert split("a ';' ; b $x$ ; $x$;; -- ; c\n d") == ["a ';'", "b $x$ ; $x$", "-- ; c\n d"]
    assert without_comments("drop -- squawk-ignore\n table /* ; /* */ ; */ t;") == "drop  \n table   t"


def test_a_text_of_several_statements() -> None:
    assert [(each.kind, each.sql) for each in parse("select 'é'; /* a /* b */ */ update t set a = 1;")] == [
        ("SelectStmt", "select 'é'"),
        ("UpdateStmt", "/* a /* b */ */ update t set a = 1"),
    ]
    assert [each.kind for each in parse("alter table ((")] == [""]


def test_the_statements_of_a_block() -> None:
    block = """
        do $body$
        declare
            t record; -- delete from nothing
        begin
            for t in select 1 loop
                update pupils set a = case when b then 1 else 2 end where id = t.id; /* one /* more */ ; */
                commit;
            end loop;
            if exists (select from pupils) then drop index i; else lock table pupils; end if;
            case a when 1 then delete from x; else truncate y; end case;
            execute format('alter table %I add %s', 'a', b);
            execute 'drop ' || 'table ' || quote_ident('x');
            execute statement;
        exception when others then
            raise notice 'truncate pupils';
        end
        $body$
    """
    found = [(inner.sql, inner.part) for inner in block_statements(one(block)) if inner.kind != "SelectStmt"]
    assert found == [
        ("update pupils set a = case when b then 1 else 2 end where id = t.id", 0),
        ("drop index i", 1),
        ("lock table pupils", 1),
        ("delete from x", 1),
        ("truncate y", 1),
        ('alter table "a" add "?"', 1),
        ('drop table "?"', 1),
    ]
    assert block_statements(one("do language plpython3u $$ update t set a = 1 $$")) == ()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("update t set a = 1", None),
        ("update t set a = 1 where b is null", None),
        ("update t set a = 1 where id = 5 or b is null", None),
        ("update t set a = 1 where id = 5 or id = 6", "row"),
        ("update t set a = 1 where not id = 5", None),
        ("update t set a = 1 where id <> 5", None),
        ("update t set a = 1 where case when id = 5 then true else true end", None),
        ("update t set a = 1 where coalesce(id = 5, true)", None),
        ("update t set a = 1 where abs(id) = 5", None),
        ("update t set a = 1 where id = id", None),
        ("update t set a = 1 where id = other_id", None),
        ("update t set a = 1 where id = t.other_id", None),
        ("update t set a = u.a from u where u.id = t.id", None),
        ("update t set a = u.a from u where u.id = 5", None),
        ("update t set a = 1 where id in (select id from u)", None),
        ("update t set a = 1 where id = (select max(u.id) from u where u.b = t.b)", None),
        ("update t set a = 1 where not_id = 5", None),
        ("merge into t using u on t.id = u.id when matched then update set a = 1", None),
        ("update t set a = 1 where id > 0", "lower"),
        ("update t set a = 1 where 1000 >= id", "upper"),
        ("delete from t where id = any (array(select id from u))", "range"),
        ("update t set a = 1 where id in (select id from t where a is null limit 100)", "limit"),
        ("update t set a = 1 where id >= 5 and id < 5 + 5000 and (a is null or b is null)", "range"),
        ("update only s.t as x set a = 1 where x.id between 1 and 10", "range"),
        ("update t set a = 1 /* where /* nested */ */ where id = 5", "row"),
        ("update t set a = 1 where id = (select min(id) from u)", "row"),
        ("delete from t where id in (1, 2) returning *", "row"),
        ("delete from t where current of c", "row"),
    ],
)
def test_what_bounds_a_change(sql: str, expected: str | None) -> None:
    (change,) = changes(one(sql))
    assert bound(change, KEYS, COLUMNS, inner=False) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("id = r.id", "row"), ("id = low", "row"), ("id = a", None), ("id >= low and id < high", "range")],
)
def test_in_a_block_other_names_are_variables(condition: str, expected: str | None) -> None:
    (change,) = changes(one(f"update t set a = 1 where {condition}"))
    assert bound(change, KEYS, COLUMNS, inner=True) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "with gone as (delete from only a.b where x returning *) insert into c select * from gone",
            [("insert", "c"), ("delete", "a.b")],
        ),
        ("insert into t select * from u", [("insert", "t")]),
        ("insert into t values (1)", []),
        ("insert into t (a) values (1) on conflict do update set a = 2", []),
        ("merge into t using u on t.id = u.id when not matched then insert values (1)", [("merge", "t")]),
        ("select * from t for update", []),
        ("select 'update t set a = 1', /* update t set a = 1 */ a as \"update\" from t", []),
        ("alter table a add foreign key (b) references c on update set null on delete cascade", []),
    ],
)
def test_which_tables_a_statement_writes(sql: str, expected: list[tuple[str, str]]) -> None:
    assert [(change.verb, change.table) for change in changes(one(sql))] == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("alter table if exists only t add a integer", "t"),
        ("alter table t validate constraint c", None),
        ("alter table t alter a set statistics 100", None),
        ("alter table t set (fillfactor = 90)", None),
        ("alter table t validate constraint c, add b integer", "t"),
        ("alter table t add foreign key (a) references u not valid", None),
        ("alter table t rename a to b", "t"),
        ("lock t", "t"),
        ("lock table only t in share mode", None),
        ("lock table t in access exclusive mode nowait", "t"),
        ("truncate table t", "t"),
        ("drop table if exists s.t cascade", "s.t"),
        ("create index on t (a)", None),
    ],
)
def test_what_locks_access_exclusive(sql: str, expected: str | None) -> None:
    assert next(locks(one(sql)), None) == expected


def test_the_actions_of_an_alter_table() -> None:
    parsed = one("alter table t add constraint c check (a in (1, 2)), alter b type numeric(5, 2), drop d")
    assert [(each["subtype"], scans(each)) for each in actions(parsed)] == [
        ("AT_AddConstraint", True),
        ("AT_AlterColumnType", False),
        ("AT_DropColumn", False),
    ]
    assert target(one("create unique index concurrently if not exists i on only s.t (a)")) == "s.t"


def test_what_is_read_and_deleted() -> None:
    parsed = one("with a as (select 1 from x join y on true) delete from t using u where t.id = u.id")
    assert set(reads(parsed)) >= {"x", "y", "u"}
    assert list(deletes(parsed)) == ["t"]
    assert list(deletes(one("truncate a, s.b"))) == ["a", "s.b"]
    assert list(deletes(one("merge into t using u on t.id = u.id when matched then delete"))) == ["t"]
