"""JSON kept as text becomes jsonb

Why: nothing kept anybody from writing there what no program can read, and nothing in it could be asked for.
Locks: ACCESS EXCLUSIVE on each of the three tables for milliseconds, at the beginning and when the new column takes the
old one's place; rows while their batch is filled.
Data: valid JSON becomes jsonb. What is not valid is NULL, and the run says how many and where. Every text stays as it
was written, to the letter, in the old column that is set aside: retired.lessons_resources_c06f5d8137be,
retired.assignment_templates_export_data_c06f5d8137be, retired.term_subjects_grading_scale_c06f5d8137be.
Way back: the texts come back as they were, invalid ones too; what was written since is jsonb's own spelling.

Revision ID: c06f5d8137be
Revises: a83e41d6905b
Create Date: 2026-11-21 10:16:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "c06f5d8137be"
down_revision = "a83e41d6905b"
branch_labels = None
depends_on = None

COLUMNS = (
    ("lessons", "resources"),
    ("assignment_templates", "export_data"),
    ("term_subjects", "grading_scale"),
)
# Of PostgreSQL 15 nobody can ask beforehand whether a text is valid.
READ = """
create or replace function read_c06f5d8137be(text) returns jsonb
language plpgsql
immutable
as $$
begin
    return $1::jsonb;
exception when others then
    return null;
end
$$
"""
NO_LONGER = "drop function if exists read_c06f5d8137be(text)"
TELL = """
do $$
declare
    found integer;
    shown text;
begin
    if to_regclass('retired.{table}_{column}_c06f5d8137be') is null then
        return;
    end if;
    select count(*),
           string_agg(format('%s %L', id, left({column}::text, 40)), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (
          select id, {column}, row_number() over (order by id) as place
            from retired.{table}_{column}_c06f5d8137be
           where btrim({column}::text) <> ''
             and read_c06f5d8137be({column}::text) is null
      ) as unread;
    if found > 0 then
        raise warning '{table}.{column}: % rows had a text that is no JSON and have NULL now; '
            'the texts are in retired.{table}_{column}_c06f5d8137be (first ones: %)', found, shown;
    end if;
end
$$
"""


def upgrade() -> None:
    op.execute(READ)
    for table, column in COLUMNS:
        op.change_types_online(table, {column: ("jsonb", to_json(column), to_text(column))})
        op.execute(TELL.format(table=table, column=column))
    op.execute(NO_LONGER)


def downgrade() -> None:
    op.execute(READ)
    for table, column in COLUMNS:
        op.change_types_online(table, {column: (sa.Text(), to_text(column), to_json(column))})
    op.execute(NO_LONGER)


def to_json(column: str) -> str:
    return f"read_c06f5d8137be({column})"


def to_text(column: str) -> str:
    return f"{column}::text"
