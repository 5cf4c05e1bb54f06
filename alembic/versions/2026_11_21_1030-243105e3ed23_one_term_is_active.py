"""one term is active

Why: with two active terms each page showed another one. A new term waits until somebody makes it the active one.
Locks: ACCESS EXCLUSIVE on terms for milliseconds for the default; the index is built while terms are read and written.
Data: none is touched. Where several terms are active, the revision names them and changes nothing; MIGRATIONS.md,
“Alike but for case”, has the statement that resolves it.
Way back: the index goes; a new term is active again unless it says otherwise.

Revision ID: 243105e3ed23
Revises: a946182cb78e
Create Date: 2026-11-21 10:30:00+00:00
"""

from alembic import op

revision = "243105e3ed23"
down_revision = "a946182cb78e"
branch_labels = None
depends_on = None

REFUSE = """
do $$
declare
    shown text;
begin
    select string_agg(format('%s (%s to %s)', id, start_date, end_date), ', ' order by start_date, id)
      into shown
      from terms
     where is_active
    having count(*) > 1;
    if shown is not null then
        raise exception 'more than one term is active, and nothing was changed: terms %. '
            'MIGRATIONS.md, “Alike but for case”, has the statement that resolves it', shown
            using errcode = 'unique_violation';
    end if;
end
$$
"""


def upgrade() -> None:
    op.execute(REFUSE)
    # first: a term that comes while the index is built, and says nothing, must not be a second active one
    op.execute("alter table terms alter column is_active set default false")
    op.create_index_online("ix_terms_is_active", "terms", ["is_active"], unique=True, postgresql_where="is_active")


def downgrade() -> None:
    op.drop_index_online("ix_terms_is_active", "terms")
    op.execute("alter table terms alter column is_active set default true")
