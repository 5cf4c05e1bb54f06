"""Each online operation on awkward tables, as a revision that has a way back."""

from dataclasses import dataclass

from tests.surefoot.online import changing
from tests.surefoot.online.harness import MARKS
from tests.surefoot.online.test_constraint_revisions import DOWN as RULES_DOWN
from tests.surefoot.online.test_constraint_revisions import UP as RULES_UP
from tests.surefoot.online.test_retire_revisions import DOWN as RETIRE_DOWN
from tests.surefoot.online.test_retire_revisions import MORE
from tests.surefoot.online.test_retire_revisions import UP as RETIRE_UP


@dataclass(frozen=True)
class Case:
    """Tables with rows, and what the revision does to them, there and back."""

    tables: str
    up: str
    down: str


TOUCHED = """
create function touched() returns trigger language plpgsql as $$ begin new.note := 'touched'; return new; end $$;
create trigger touched before update on {} for each row execute function touched();
"""
"""Another trigger that may change what the statement does not name: then the syncing one has a condition."""
RESULTS = """
create table results (
    id integer primary key, points integer, parts json, page xml, place point, area box, tags text[], note text
);
insert into results
select n, n, json_build_object('n', n), null, point(n, n), box(point(0, 0), point(n, n)),
       array['a', n::text], null
  from generate_series(1, {rows}) as n;
""" + TOUCHED.format("results")
QUOTED = """
create schema if not exists "Old";
create type "Old"."Level" as enum ('low', 'High');
create table "Pupils' Marks ü" (
    "Id" integer primary key, "Points %s" integer not null default 1, "select" "Old"."Level" default 'High',
    note text, constraint "Points %s" check ("Points %s" >= 0)
);
insert into "Pupils' Marks ü" ("Id", "Points %s") select n, n from generate_series(1, 30) as n;
create index "By Points" on "Pupils' Marks ü" ("Points %s" desc, lower(note)) where "Points %s" > 3;
""" + TOUCHED.format('''"Pupils' Marks ü"''')
FOLDED = """
create collation folded from "C";
create domain word as text collate folded check (value <> 'never');
create type seat as (room text, nth numeric);
create table people (
    id integer primary key, called word, sits seat, seats seat[], worth numeric, born text, note text,
    twice numeric generated always as (worth * 2) stored, unique (called)
);
insert into people (id, called, sits, seats, worth, born)
select n, ('Ada ' || n)::word, row('a', n)::seat, array[row('b', n)::seat], n, '2001-01-01'
  from generate_series(1, 30) as n;
create view of_people as select id, sits from people;
create function known(anyelement) returns boolean language sql immutable as $$ select $1 is not null $$;
alter table people add check (known(born));
""" + TOUCHED.format("people")
LETTERS = """
create type mood as enum ('good', 'bad', 'gone');
create type tone as enum ('high', 'low');
create table letters (id integer primary key, feels mood not null default 'good', sounds tone, text text);
insert into letters
select n, case when n % 2 = 0 then 'good' else 'bad' end::mood, 'high', n from generate_series(1, 30) as n;
create index on letters (feels);
create table notes ("Text" text, number integer);
insert into notes values ('Ü', 1), (null, 2);
"""
RENAMED = (
    QUOTED
    + """
create view of_marks as select note from "Pupils' Marks ü";
create table notes ("Text" text, number integer);
create view letters with (security_invoker = true) as select "Text", number from notes;
comment on view letters is 'Old name of table notes, kept since revision zero';
"""
)
TWO_NAMES = (
    QUOTED
    + """
create table notes (id integer primary key, "Text" json, text json default '{}');
insert into notes select n, json_build_object('n', n), json_build_object('n', n) from generate_series(1, 30) as n;
create index "By Text" on notes (("Text" ->> 'n'));
comment on column notes.text is 'Old name of column Text, kept since revision zero';
"""
)
FILLED = """
create table filled (id integer primary key, a integer, b integer, j json);
insert into filled (id, a) select n, n from generate_series(1, 1700) as n;
"""


def types(table: str, columns: dict[str, tuple[str, str, str, str]]) -> tuple[str, str]:
    """A change of types there and back; of each column the old type, the new one, and the two ways."""
    up = {name: (new, using, back) for name, (_, new, using, back) in columns.items()}
    down = {name: (old, back, using) for name, (old, _, using, back) in columns.items()}
    return f"op.change_types_online({table!r}, {up!r})", f"op.change_types_online({table!r}, {down!r})"


def _of_the_school() -> tuple[str, str]:
    new = dict.fromkeys(changing.UP, "bigint") | {"code": "integer", "seen": "timestamptz"}
    return types(
        "pupils",
        {name: (changing.OLD[name], new[name], using, back) for name, (_, using, back) in changing.UP.items()},
    )


CASES = {
    "rules": Case(";".join(MARKS), RULES_UP, RULES_DOWN),
    "retired": Case(";".join((*MARKS, *MORE)), RETIRE_UP, RETIRE_DOWN),
    "types of all kinds": Case(changing.SCHOOL, *_of_the_school()),
    "types beside json": Case(
        RESULTS.format(rows=30),
        *types(
            "results",
            {
                "points": ("integer", "bigint", "points", "points::integer"),
                "parts": ("json", "jsonb", "parts::jsonb", "parts::json"),
            },
        ),
    ),
    "types, quoted": Case(
        QUOTED,
        *types(
            "Pupils' Marks ü",
            {
                "Points %s": ("integer", "numeric(8, 2)", '"Points %s"', '"Points %s"'),
                "select": ('"Old"."Level"', "text", '"select"::text', '"select"::"Old"."Level"'),
            },
        ),
    ),
    "types beside domains and rows": Case(
        FOLDED,
        *types(
            "people",
            {
                "called": ("word", "text", "called::text", "called::word"),
                "born": ("text", "date", "born::date", "born::text"),
                "seats": ("seat[]", "text", "seats::text", "seats::seat[]"),
            },
        ),
    ),
    "labels and quoted columns": Case(
        LETTERS,
        """
        op.create_enum("sort", ["a", "B"])
        op.change_enum("mood", ["bad", "good", "best"], was=["good", "bad", "gone"], columns={"letters": ["feels"]})
        op.retire_column("letters", "sounds")
        op.retire_enum("tone")
        op.retire_column("notes", "Text")
        """,
        """
        op.restore_column("notes", "Text")
        op.create_enum("tone", ["high", "low"])
        op.restore_column("letters", "sounds")
        op.change_enum("mood", ["good", "bad", "gone"], was=["bad", "good", "best"], columns={"letters": ["feels"]})
        op.retire_enum("sort")
        """,
    ),
    "filled": Case(
        FILLED,
        """
        op.backfill("filled", {"b": "a + 1"}, "b is null")
        op.backfill("filled", {"j": "json_build_object('a', a)"})
        """,
        'op.backfill("filled", {"b": "null"}, "b is not null")',
    ),
    "names of tables": Case(
        RENAMED,
        """
        op.rename_table_online("Pupils' Marks ü", "Grades %s")
        op.create_index_online("ix_note", "Grades %s", ["note"])
        op.end_table_rename("letters", "notes", since="zero")
        """,
        """
        op.resume_table_rename("letters", "notes", since="zero")
        op.drop_index_online("ix_note", "Grades %s")
        op.undo_table_rename("Pupils' Marks ü", "Grades %s")
        """,
    ),
    "names of columns": Case(
        TWO_NAMES,
        """
        op.rename_column_online("Pupils' Marks ü", "select", "level of %s")
        op.rename_column_online("Pupils' Marks ü", "Points %s", "worth")
        op.end_column_rename("notes", "text", "Text", since="zero")
        """,
        """
        op.resume_column_rename("notes", "text", "Text", since="zero")
        op.undo_column_rename("Pupils' Marks ü", "Points %s", "worth")
        op.undo_column_rename("Pupils' Marks ü", "select", "level of %s")
        """,
    ),
}
