"""Exams: the tests that are held, and the marks that students get in them."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ourschool.models.base import Amount, Base, BigKey, CreatedAt, Text, UpdatedAt, finite, referred_by, refers_to
from ourschool.models.calendar import SchoolClass
from ourschool.models.curriculum import Subject
from ourschool.models.guards import after_create, name_triggers, revoke_execute
from ourschool.models.people import User

KEEP_MAXIMUM = """
create function keep_marks_maximum() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- waits for whoever is changing the maximum, and keeps it from changing until this mark is committed
    execute format('select max_marks from %I.tests where id = $1 for key share', tg_table_schema)
       into new.max_marks
      using new.test_id;
    if new.max_marks is null then
        raise exception 'There is no test %.', new.test_id using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$
"""
KEEP_MAXIMUM_TRIGGER = """
create trigger marks_max_marks_kept before insert or update of test_id, max_marks on marks
for each row execute function keep_marks_maximum()
"""


class Test(Base):
    """A test that a class, or the whole school, sits."""

    __test__ = False  # pytest: this is no test case
    __tablename__ = "tests"
    __table_args__ = (
        sa.UniqueConstraint("id", "max_marks"),
        sa.Index(None, "class_id", "held_on"),
        sa.Index(None, "subject_id"),
        sa.Index(None, "created_by"),
        finite("max_marks", "> 0"),
        {"comment": "Tests that a class or the whole school sits"},
    )

    id: Mapped[BigKey]
    title: Mapped[Text]
    description: Mapped[Text | None]
    subject_id: Mapped[int | None] = mapped_column(sa.ForeignKey("subjects.id", ondelete="RESTRICT"))
    class_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("school_classes.id", ondelete="RESTRICT"), comment="NULL: all classes"
    )
    held_on: Mapped[dt.date]
    max_marks: Mapped[Amount] = mapped_column(comment="cannot become less than a mark that was given")
    question_paper_url: Mapped[Text | None]
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    created_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    subject: Mapped[Subject | None] = refers_to("tests")
    school_class: Mapped[SchoolClass | None] = refers_to("tests")
    marks: Mapped[list["Mark"]] = referred_by("test")
    creator: Mapped[User | None] = refers_to("tests_created", created_by)


class Mark(Base):
    """What one student got in one test."""

    __tablename__ = "marks"
    __table_args__ = (
        sa.UniqueConstraint("test_id", "student_id"),
        sa.ForeignKeyConstraint(
            ["test_id", "max_marks"], ["tests.id", "tests.max_marks"], onupdate="CASCADE", ondelete="RESTRICT"
        ),
        sa.Index(None, "student_id"),
        sa.Index(None, "marked_by"),
        sa.CheckConstraint("marks >= 0 and marks <= max_marks", name="marks"),
        {"comment": "What a student got in a test"},
    )

    id: Mapped[BigKey]
    test_id: Mapped[int] = mapped_column(sa.BigInteger())
    student_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    marks: Mapped[Amount]
    max_marks: Mapped[Amount] = mapped_column(
        comment="the test's maximum, copied and held equal by the database, so that a CHECK can compare"
    )
    remarks: Mapped[Text | None]
    marked_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="SET NULL"))
    marked_by_name: Mapped[Text | None] = mapped_column(comment="kept when the user is deleted")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    test: Mapped[Test] = refers_to("marks")
    student: Mapped[User] = refers_to("marks", student_id)
    marker: Mapped[User | None] = refers_to("marks_given", marked_by)


after_create(Test, *name_triggers("tests", "created_by"))
after_create(
    Mark, KEEP_MAXIMUM, revoke_execute("keep_marks_maximum"), KEEP_MAXIMUM_TRIGGER, *name_triggers("marks", "marked_by")
)
