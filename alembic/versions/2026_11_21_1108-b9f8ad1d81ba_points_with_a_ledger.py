"""points with a ledger

Why: a balance that the application writes is wrong after the first two writers at once; the database keeps it.
Locks: SHARE ROW EXCLUSIVE on users for the foreign keys, for milliseconds: writers wait that long, readers do not.
Data: none.
Way back: student_points and point_transactions are set aside in schema retired with every row; the way up takes them
back.

Revision ID: b9f8ad1d81ba
Revises: 15f0ceb15db2
Create Date: 2026-11-21 11:08:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "b9f8ad1d81ba"
down_revision = "15f0ceb15db2"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """
create or replace function keep_balance() returns trigger
language plpgsql
as $$
begin
    -- always in order of student: two writers of several students then never wait for each other in a circle
    if tg_op = 'INSERT' then
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from added
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    elsif tg_op = 'DELETE' then
        perform from student_points
          where student_id in (select student_id from removed)
          order by student_id
            for update;
        update student_points
           set balance = balance - gone.amount,
               updated_at = now()
          from (select student_id, sum(amount) as amount from removed group by student_id) as gone
         where student_points.student_id = gone.student_id;
    else
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from (values (old.student_id, -old.amount), (new.student_id, new.amount)) as moved (student_id, amount)
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    end if;
    return null;
end
$$
""",
    """
create or replace function only_the_ledger() returns trigger
language plpgsql
as $$
begin
    -- the ledger's trigger, and the deletion of the student, come through another trigger: WHEN lets them pass
    if pg_trigger_depth() < 2 and coalesce(current_setting('ourschool.retiring', true), '') <> 'on' then
        raise exception 'The balance follows the ledger: % of % is refused', tg_op, tg_table_name
            using errcode = 'restrict_violation',
                  hint = 'Insert into point_transactions instead.';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
$$
""",
    """
create or replace function keep_awarder_name() returns trigger
language plpgsql
as $$
begin
    -- keep_name() for this column alone: its plan is kept, which the ledger's many rows are worth
    select btrim(concat_ws(' ', first_name, last_name)) into new.awarded_by_name from users where id = new.awarded_by;
    return new;
end
$$
""",
)
STUDENT_POINTS_TRIGGERS = (
    """
create trigger student_points_only_the_ledger before insert or update or delete on student_points
for each row when (pg_trigger_depth() = 0) execute function only_the_ledger()
""",
    """
create trigger student_points_never_truncated before truncate on student_points
for each statement execute function only_the_ledger()
""",
)
POINT_TRANSACTIONS_TRIGGERS = (
    """
create trigger point_transactions_added after insert on point_transactions
referencing new table as added
for each statement execute function keep_balance()
""",
    """
create trigger point_transactions_removed after delete on point_transactions
referencing old table as removed
for each statement execute function keep_balance()
""",
    """
create trigger point_transactions_moved after update on point_transactions
for each row when (old.student_id <> new.student_id or old.amount <> new.amount)
execute function keep_balance()
""",
    """
create trigger point_transactions_append_only before update or delete on point_transactions
for each row execute function refuse_change()
""",
    """
create trigger point_transactions_never_truncated before truncate on point_transactions
for each statement execute function refuse_change()
""",
    """
create trigger point_transactions_awarded_by_named before insert on point_transactions
for each row when (new.awarded_by is not null and new.awarded_by_name is null)
execute function keep_awarder_name()
""",
    """
create trigger point_transactions_awarded_by_renamed before update of awarded_by on point_transactions
for each row when (
    new.awarded_by is not null
    and new.awarded_by is distinct from old.awarded_by
    and (new.awarded_by_name is null or new.awarded_by_name is not distinct from old.awarded_by_name)
)
execute function keep_name('awarded_by', 'awarded_by_name')
""",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    # each of these commits; what follows them is one transaction
    restored = {table: op.restore_table(table) for table in ("student_points", "point_transactions")}
    if not restored["student_points"]:
        create_student_points()
    if not restored["point_transactions"]:
        create_point_transactions()


def downgrade() -> None:
    op.retire_table("point_transactions")
    op.retire_table("student_points")
    op.execute("drop function if exists only_the_ledger()")
    op.execute("drop function if exists keep_balance()")
    op.execute("drop function if exists keep_awarder_name()")


def create_student_points() -> None:
    op.create_table(
        "student_points",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column(
            "balance",
            sa.Numeric(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the sum of the ledger's amounts",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("student_points_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("student_points_pkey")),
        sa.UniqueConstraint("student_id", name=op.f("student_points_student_id_key")),
        comment="The balance of each student; the database keeps it from point_transactions, nobody else may",
    )
    for trigger in STUDENT_POINTS_TRIGGERS:
        op.execute(trigger)


def create_point_transactions() -> None:
    op.create_table(
        "point_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="given where positive, taken where negative"),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("'manual'"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger(), comment="the row of the source that it was for; a note, not a reference"
        ),
        sa.Column("reason", sa.Text()),
        sa.Column("awarded_by", sa.Integer()),
        sa.Column("awarded_by_name", sa.Text(), comment="kept when the user is deleted"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "amount <> 0 and amount > '-Infinity' and amount < 'Infinity'", name=op.f("point_transactions_amount_check")
        ),
        sa.CheckConstraint(
            "source in ('assignment', 'attendance', 'journal', 'test', 'shop', 'manual')",
            name=op.f("point_transactions_source_check"),
        ),
        sa.CheckConstraint(
            "type in ('earned', 'spent', 'refunded', 'adjusted')", name=op.f("point_transactions_type_check")
        ),
        sa.ForeignKeyConstraint(
            ["awarded_by"], ["users.id"], name=op.f("point_transactions_awarded_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["users.id"], name=op.f("point_transactions_student_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("point_transactions_pkey")),
        comment="The ledger of points; only grows",
    )
    op.create_index(op.f("ix_point_transactions_awarded_by"), "point_transactions", ["awarded_by"])
    op.create_index(
        "ix_point_transactions_student_id_created_at_id",
        "point_transactions",
        ["student_id", sa.literal_column("created_at desc"), sa.literal_column("id desc")],
    )
    for trigger in POINT_TRANSACTIONS_TRIGGERS:
        op.execute(trigger)
