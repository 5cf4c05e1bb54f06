"""What a change of types refuses, in a sentence, with nothing changed; most of it before anything is begun."""

from collections.abc import Mapping

import pytest

from surefoot.errors import RefusedError, SurefootError, UsageError
from surefoot.online.change_types.operation import Way
from tests.support.databases import Database
from tests.surefoot.online.changing import SCHOOL, UP, Change, up
from tests.surefoot.online.harness import assert_equal, catalogue, run


def other(table: str, ways: Mapping[str, Way]) -> Change:
    return lambda op: op.change_types_online(table, ways)


def pupils(ways: Mapping[str, Way]) -> Change:
    return other("pupils", ways)


REFUSED: dict[str, tuple[str, Change, type[SurefootError], str]] = {
    "no table": ("", other("nobody", UP), UsageError, "no table 'nobody'"),
    "no column": ("", pupils({"x": UP["k"]}), UsageError, "no column 'x'"),
    "no columns": ("", pupils({}), UsageError, "no columns"),
    "no type": (
        "",
        pupils({"k": ("whole", "k", "k")}),
        UsageError,
        'type "whole" does not exist',
    ),
    "wrong using": (
        "",
        pupils({"k": ("text", "kk", "k")}),
        UsageError,
        'column "kk" does not exist',
    ),
    "wrong back": (
        "",
        pupils({"k": ("text", "k", "k +")}),
        UsageError,
        "back from text.*syntax error",
    ),
    "using of another type": (
        "",
        pupils({"k": ("date", "k", "1")}),
        UsageError,
        "is of type date but expression",
    ),
    "an aggregate": (
        "",
        pupils({"k": ("bigint", "max(k)", "k")}),
        UsageError,
        "aggregate functions",
    ),
    "a primary key": (
        "",
        pupils({"id": ("bigint", "id", "id")}),
        RefusedError,
        "primary key pupils_pkey",
    ),
    "a view": (
        "create view seen as select code from pupils",
        up,
        RefusedError,
        "pupils.code cannot be changed online: view seen needs",
    ),
    "a materialized view": (
        "create materialized view seen as select code from pupils",
        up,
        RefusedError,
        "materialized view seen needs it",
    ),
    "a rule": (
        "create rule no as on update to pupils where old.code = 'x' do instead nothing",
        up,
        RefusedError,
        "rule no on table",
    ),
    "a rule that swallows what is written": (
        "create rule no as on update to pupils do instead nothing",
        up,
        RefusedError,
        "The rule no on pupils does something else instead of each UPDATE",
    ),
    "a generated column": (
        "alter table pupils add twice text generated always as (code || code) stored",
        up,
        RefusedError,
        "generated column twice is made from it",
    ),
    "generated": (
        "alter table pupils add twice text generated always as (code || code) stored",
        pupils({"twice": ("varchar", "twice", "twice")}),
        UsageError,
        "is generated",
    ),
    "using a generated column": (
        "alter table pupils add twice text generated always as (note || note) stored",
        pupils({"code": ("text[]", "array[code, twice]", "code[1]")}),
        RefusedError,
        "reads the generated column twice",
    ),
    "a policy": ("create policy own on pupils using (code = 'x')", up, RefusedError, "policy own on table"),
    "a function": (
        "create function codes() returns setof text begin atomic select code from pupils; end",
        up,
        RefusedError,
        r"function codes\(\) needs it",
    ),
    "an exclusion constraint": (
        "alter table pupils add constraint apart exclude using btree (number with =)",
        up,
        RefusedError,
        "exclusion constraint apart is on it",
    ),
    "a check of the old type": (
        "alter table pupils add constraint short check (length(code) < 9)",
        up,
        RefusedError,
        r"constraint short of public.pupils does not go with it \(function length\(integer\) does not exist\)",
    ),
    "an index of the old type": (
        "create index patterns on pupils (code text_pattern_ops)",
        up,
        RefusedError,
        "index patterns does not go with it",
    ),
    "a foreign key to another type": (
        "",
        pupils({"parent": ("integer", "parent::integer", "parent::text")}),
        RefusedError,
        "constraint pupils_parent_fkey of public.pupils does not go with it",
    ),
    "a foreign key from another type": (
        "",
        pupils({"place": ("text", "place::text", "place::integer")}),
        RefusedError,
        "marks_place_fkey of public.marks does not go with it",
    ),
    "a default of the old type": (
        "alter table pupils alter code set default upper(current_date::text)",
        up,
        RefusedError,
        "its default .* does not go with it",
    ),
    "a default that does not convert": (
        "alter table pupils alter code set default 'none'",
        up,
        RefusedError,
        "its default 'none'::text does not go with it",
    ),
    "rows that do not convert": (
        "update pupils set code = 'ten' where id in (10, 20, 30)",
        up,
        RefusedError,
        r"3 rows of pupils cannot be converted by 'code::integer' \(id 10, 20, 30\)",
    ),
    "rows that become NULL": (
        "",
        pupils({"code": ("integer", "nullif(code::integer, 5)", "code::text")}),
        RefusedError,
        r"1 row of pupils cannot be converted .*\(id 5\)",
    ),
    "texts that are too long": (
        "",
        pupils({"code": ("varchar(4)", "code", "code")}),
        RefusedError,
        r"401 rows of pupils cannot .*\(id 100, 101, 102, 103, 104 and 396 more\)",
    ),
    "rows that become alike": (
        "update pupils set number = null where id in (5, 6); update pupils set code = '5' where id = 6",
        up,
        RefusedError,
        "rows that were different become alike, and unique index ix_both forbids it",
    ),
    "rows that break a check": (
        "alter table pupils add constraint big check (place > 0)",
        pupils({"place": ("bigint", "place - 1", "place + 1")}),
        RefusedError,
        "rows as they become break",
    ),
    "rows that point nowhere": (
        "",
        pupils({"parent": ("varchar", "parent || '!'", "rtrim(parent, '!')")}),
        RefusedError,
        "rows as they become break pupils_parent_fkey of public.pupils",
    ),
    "a column of that name": (
        "alter table pupils add __changing_unnamed_k integer",
        up,
        UsageError,
        "'__changing_unnamed_k' is taken",
    ),
    "no key": (
        "create table loose (a integer)",
        other("loose", {"a": ("bigint", "a", "a")}),
        UsageError,
        "no primary key and no unique index",
    ),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_said_in_a_sentence_and_nothing_changed(
    scratch: Database, refused: tuple[str, Change, type[SurefootError], str]
) -> None:
    made, change, kind, sentence = refused
    scratch.psql(stdin=SCHOOL)
    if made:
        scratch.psql("-c", made)
    before, content = catalogue(scratch), scratch.rows("select * from pupils order by id")
    with pytest.raises(kind, match=sentence) as raised:
        run(scratch, change)
    assert raised.value.remedy
    assert_equal(before, catalogue(scratch))
    assert scratch.rows("select * from pupils order by id") == content
