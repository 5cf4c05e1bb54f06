"""assignment types are rows

Why: a school that gives lab reports needed a release of the software to say so; and what a type weighs had no place.
Locks: ACCESS EXCLUSIVE on assignment_templates for milliseconds, a few times; SHARE ROW EXCLUSIVE on it for the foreign
key; the column is copied, indexed and checked while the table is read and written.
Data: the nine types become rows of assignment_types, and every template names its own by key. The column of the enum
type is set aside in its table, the type with it.
Way back: column and type come back, and assignment_types is set aside. A template of a type that came later is homework
there, and the run says which; the way up gives it its type again, unless it was changed meanwhile.

Revision ID: b15e9d4c7a20
Revises: 84b1f60ce27d
Create Date: 2026-11-21 10:22:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "b15e9d4c7a20"
down_revision = "84b1f60ce27d"
branch_labels = None
depends_on = None

TYPES = ("homework", "project", "test", "quiz", "essay", "presentation", "worksheet", "reading", "practice")
LISTED = ", ".join(f"'{each}'" for each in TYPES)

# After the way back and up again a type that the school has deleted stays deleted, unless a template has it once more.
SEED = f"""
    insert into assignment_types (key, name)
    select key, initcap(key)
      from unnest(array[{LISTED}]) with ordinality as known (key, place)
     where not exists (select from assignment_types)
        or exists (select from assignment_templates where assignment_type::text = key)
     order by place
        on conflict (key) do nothing
"""
# Nine rows that the way up makes are no loss, and base keeps nothing of ours; what the school made of them is kept.
AS_MADE = f"""
do $$
begin
    if to_regclass('assignment_types') is not null then
        delete from assignment_types
         where not exists (
             (select key, name, weight from assignment_types)
             except
             (select key, initcap(key), 1 from unnest(array[{LISTED}]) as known (key))
         )
           and (select count(*) from assignment_types) = {len(TYPES)};
    end if;
end
$$
"""
TO_ENUM = f"""
    case when assignment_type in ({LISTED}) then assignment_type else 'homework' end::assignmenttype
"""
TO_TEXT = "assignment_type::text"
TELL = f"""
do $$
declare
    found integer;
    shown text;
begin
    select count(*),
           string_agg(format('%s %L', id, assignment_type), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (
          select id, assignment_type, row_number() over (order by id) as place
            from assignment_templates
           where assignment_type::text not in ({LISTED})
      ) as newer;
    if found > 0 then
        raise warning 'assignment_type: % templates have a type that only rows can name and are homework until the '
            'upgrade gives it back (first ones: templates %)', found, shown;
    end if;
end
$$
"""


def upgrade() -> None:
    if not op.restore_table("assignment_types"):
        create_assignment_types()
    op.execute(SEED)
    op.change_types_online("assignment_templates", {"assignment_type": (sa.Text(), TO_TEXT, TO_ENUM)})
    op.create_index_online("ix_assignment_templates_assignment_type", "assignment_templates", ["assignment_type"])
    op.add_foreign_key_online(
        "assignment_templates_assignment_type_fkey",
        "assignment_templates",
        "assignment_types",
        ["assignment_type"],
        ["key"],
        ondelete="RESTRICT",
        onupdate="CASCADE",
    )
    op.retire_enum("assignmenttype")


def downgrade() -> None:
    op.execute(TELL)
    op.create_enum("assignmenttype", list(TYPES))
    op.drop_constraint_online("assignment_templates_assignment_type_fkey", "assignment_templates")
    op.drop_index_online("ix_assignment_templates_assignment_type", "assignment_templates")
    op.change_types_online("assignment_templates", {"assignment_type": ("assignmenttype", TO_ENUM, TO_TEXT)})
    # lint: loses-data, backfill-in-one-statement only the nine rows that the way up makes, where nobody changed one
    op.execute(AS_MADE)
    op.retire_table("assignment_types")


def create_assignment_types() -> None:
    op.create_table(
        "assignment_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="what templates say; renamed here, it is renamed there"),
        sa.Column("name", sa.Text(), nullable=False, comment="what people read"),
        sa.Column(
            "weight",
            sa.Numeric(),
            server_default=sa.text("1"),
            nullable=False,
            comment="how much work of this type counts beside other work",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("btrim(key) <> ''", name=op.f("assignment_types_key_check")),
        sa.CheckConstraint("weight >= 0 and weight < 'Infinity'", name=op.f("assignment_types_weight_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("assignment_types_pkey")),
        sa.UniqueConstraint("key", name=op.f("assignment_types_key_key")),
        comment="What kinds of work an assignment can ask for",
    )
