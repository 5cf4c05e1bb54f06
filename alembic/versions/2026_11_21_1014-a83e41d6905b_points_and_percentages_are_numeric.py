"""points and percentages are numeric

Why: 0.1 + 0.2 points were 0.30000000000000004, and two reports that added them in another order did not agree.
Locks: ACCESS EXCLUSIVE on each of the three tables for milliseconds, at the beginning and when the new columns take the
old ones' place; rows while their batch is filled.
Data: every digit that was there stays: PostgreSQL's own cast would keep fifteen of seventeen. NaN and Infinity stay
what they are. The old columns are set aside in their tables, readable in schema retired.
Way back: the doubles are as they were, to the last bit; what was written since becomes the nearest double.

Revision ID: a83e41d6905b
Revises: 1f95c3e8d704
Create Date: 2026-11-21 10:14:00+00:00
"""

from alembic import op

revision = "a83e41d6905b"
down_revision = "1f95c3e8d704"
branch_labels = None
depends_on = None

COLUMNS = {
    "student_assignments": ("points_earned", "percentage_grade"),
    "student_term_grades": (
        "current_points_earned",
        "current_points_possible",
        "current_percentage",
        "final_points_earned",
        "final_points_possible",
        "final_percentage",
        "attendance_rate",
    ),
    "term_subjects": ("weight",),
}
# A client, a role or a database may have set extra_float_digits to 0, and the text would then lack two digits.
EXACT = """
create or replace function exact_a83e41d6905b(double precision) returns numeric
language sql
immutable
set extra_float_digits = 1
as $$ select $1::text::numeric $$
"""
NO_LONGER = "drop function if exists exact_a83e41d6905b(double precision)"
DEFAULT = "alter table term_subjects alter column weight set default 1.0"
"""Said anew, as the change of type has it as a text of the type that it was."""


def upgrade() -> None:
    op.execute(EXACT)
    for table, columns in COLUMNS.items():
        op.change_types_online(table, {name: ("numeric", to_numeric(name), to_double(name)) for name in columns})
    op.execute(NO_LONGER)
    op.execute(DEFAULT)


def downgrade() -> None:
    op.execute(EXACT)
    for table, columns in COLUMNS.items():
        op.change_types_online(
            table, {name: ("double precision", to_double(name), to_numeric(name)) for name in columns}
        )
    op.execute(NO_LONGER)
    op.execute(DEFAULT)


def to_numeric(column: str) -> str:
    return f"exact_a83e41d6905b({column})"


def to_double(column: str) -> str:
    return f"{column}::double precision"
