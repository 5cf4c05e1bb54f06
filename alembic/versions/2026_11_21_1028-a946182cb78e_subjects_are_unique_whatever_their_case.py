"""subjects are unique whatever their case

Why: Art and ART are one subject, and half of the grades stood under each.
Locks: SHARE UPDATE EXCLUSIVE on subjects, which stops nobody who reads or writes.
Data: none is touched. Where names differ only in case, the revision names the subjects and changes nothing;
MIGRATIONS.md, “Alike but for case”, has the statement that resolves them.
Way back: the index goes.

Revision ID: a946182cb78e
Revises: 57273afeffda
Create Date: 2026-11-21 10:28:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "a946182cb78e"
down_revision = "57273afeffda"
branch_labels = None
depends_on = None

REFUSE = """
do $$
declare
    shown text;
begin
    select string_agg(subjects, '; ' order by first)
      into shown
      from (select string_agg(id::text, ' = ' order by id) as subjects, min(id) as first
              from subjects group by lower(name) having count(*) > 1 order by 2 limit 10) as alike;
    if shown is not null then
        raise exception 'subjects cannot be told apart but for case, and nothing was changed: subjects %. '
            'MIGRATIONS.md, “Alike but for case”, has the statement that resolves them', shown
            using errcode = 'unique_violation';
    end if;
end
$$
"""


def upgrade() -> None:
    op.execute(REFUSE)
    op.create_index_online("ix_subjects_lower_name", "subjects", [sa.text("lower(name)")], unique=True)


def downgrade() -> None:
    op.drop_index_online("ix_subjects_lower_name", "subjects")
