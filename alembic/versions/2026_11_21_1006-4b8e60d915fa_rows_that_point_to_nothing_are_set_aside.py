"""rows that point to nothing are set aside

Why: after damage, or where a foreign key was lost, rows belong to nobody: no report can show them, and no foreign key
can be made over them.
Locks: the rows while they are moved; where there are none, which is so wherever the foreign keys held, none.
Data: a row whose student, template, subject or term is not there is set aside in schema retired, and so is what
belongs to it. Where a row only says who did it, or what else it is about, the row stays: the key becomes NULL, and what
it was is kept in retired.dangling_keys_4b8e60d915fa. The run says how many.
Way back: rows whose owners are there again come back, the others stay readable in retired; so do the keys.

Revision ID: 4b8e60d915fa
Revises: 9c2f7be1a846
Create Date: 2026-11-21 10:06:00+00:00
"""

from alembic import op

revision = "4b8e60d915fa"
down_revision = "9c2f7be1a846"
branch_labels = None
depends_on = None

# table: what it cannot be without, and where that is
OWNERS = {
    "assignment_templates": {"subject_id": "subjects"},
    "term_subjects": {"term_id": "terms", "subject_id": "subjects"},
    "lesson_assignments": {"lesson_id": "lessons", "assignment_template_id": "assignment_templates"},
    "student_assignments": {"student_id": "users", "template_id": "assignment_templates"},
    "student_term_grades": {"student_id": "users", "term_subject_id": "term_subjects"},
    "grade_history": {"student_term_grade_id": "student_term_grades"},
    "attendance_records": {"student_id": "users"},
    "journal_entries": {"student_id": "users"},
}
"""Owners first."""

# what a row may be without: who did it, what else it is about
OTHERS = (
    ("users", "parent_id", "users"),
    ("terms", "created_by", "users"),
    ("assignment_templates", "created_by", "users"),
    ("assignment_templates", "lesson_id", "lessons"),
    ("student_assignments", "assigned_by", "users"),
    ("student_assignments", "graded_by", "users"),
    ("student_term_grades", "finalized_by", "users"),
    ("grade_history", "changed_by", "users"),
    ("grade_history", "assignment_id", "student_assignments"),
    ("journal_entries", "author_id", "users"),
)
KEPT = "retired.dangling_keys_4b8e60d915fa"
# One statement a table and column where there is such a row at all, in batches of their own transactions.
FREE = """
do $$
declare
    low bigint;
    found bigint := 0;
    batch bigint;
begin
    if not exists (select from {table} where {missing}) then
        return;
    end if;
    create schema if not exists retired;
    create table if not exists {kept} (
        table_name text not null,
        column_name text not null,
        row_id integer not null,
        key integer not null,
        retired_at timestamptz not null default now(),
        primary key (table_name, column_name, row_id, retired_at)
    );
    comment on table {kept} is 'keys that pointed to nothing, and are NULL since 4b8e60d915fa';
    commit;
    select min(id) into low from {table} where {missing};
    while low is not null loop
        with dangling as (
            select id, {column} as key from {table}
             where id >= low and id < low + 5000 and {missing}
               for update
        ), kept as (
            insert into {kept} (table_name, column_name, row_id, key)
            select '{table}', '{column}', id, key from dangling
        )
        update {table} set {column} = null
          from dangling
         where {table}.id = dangling.id
           and {table}.id >= low
           and {table}.id < low + 5000;
        get diagnostics batch = row_count;
        found := found + batch;
        commit;
        select min(id) into low from {table} where id >= low + 5000 and {missing};
    end loop;
    raise warning '{table}.{column}: % rows pointed to nothing and have NULL now; the keys are in {kept}', found;
end
$$
"""
# A key comes back where what it points to is there again, and nobody has given the row another one.
GIVE_BACK = """
do $$
begin
    if to_regclass('{kept}') is null then
        return;
    end if;
    with given as (
        update {table} set {column} = key
          from {kept} as kept
         where table_name = '{table}'
           and column_name = '{column}'
           and {table}.id = row_id
           and {column} is null
           and exists (select from {referent} as there where there.id = key)
     returning {table}.id
    )
    delete from {kept}
     where table_name = '{table}'
       and column_name = '{column}'
       and row_id in (select id from given);
end
$$
"""
FORGET = f"""
do $$
begin
    if to_regclass('{KEPT}') is not null then
        if not exists (select from {KEPT}) then
            drop table {KEPT};
        end if;
    end if;
    if not exists (select from pg_depend where refobjid = to_regnamespace('retired')) then
        drop schema if exists retired;
    end if;
end
$$
"""


def upgrade() -> None:
    for table in reversed(OWNERS):
        if table == "student_assignments":
            # what is about such an assignment stays, and goes without saying so
            free("grade_history", "assignment_id", "student_assignments")
        op.retire_rows(table, belongs_to_nobody(table), reason="what it belongs to is not there")
    for table, column, referent in OTHERS:
        free(table, column, referent)


def downgrade() -> None:
    for table in OWNERS:
        op.restore_rows(table)
    for table, column, referent in OTHERS:
        # lint: loses-data what is deleted from what was kept has just been given back, in the same statement
        op.execute(GIVE_BACK.format(table=table, column=column, referent=referent, kept=KEPT))
    op.execute(FORGET)


def free(table: str, column: str, referent: str) -> None:
    nowhere = missing(table, column, referent)
    if referent in OWNERS:
        nowhere = f"({nowhere} or {column} in (select id from {referent} where {belongs_to_nobody(referent)}))"
    with op.get_context().autocommit_block():
        op.execute(FREE.format(table=table, column=column, missing=nowhere, kept=KEPT))


def missing(table: str, column: str, referent: str) -> str:
    """What is true of a row whose key is that of no row."""
    return (
        f"({table}.{column} is not null"
        f" and not exists (select from {referent} as there where there.id = {table}.{column}))"
    )


def belongs_to_nobody(table: str) -> str:
    """What is true of a row whose owner is not there, or itself belongs to nobody."""
    parts = []
    for column, referent in OWNERS[table].items():
        parts.append(missing(table, column, referent))
        if referent in OWNERS:
            parts.append(f"{table}.{column} in (select id from {referent} where {belongs_to_nobody(referent)})")
    return f"({' or '.join(parts)})"
