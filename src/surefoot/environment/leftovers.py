"""What released revisions leave behind that holds nothing, and what their way down asks for all the same."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from alembic import op
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep

from surefoot.catalogue.reader import DEFINITIONS
from surefoot.online.retire import kept_definitions
from surefoot.runtime.baseline import BASELINE

# The tables stand in schema `retired` without a row where no row needed them. Of an application's own revisions nobody
# knows whether their way down looks first, so theirs stay.
EMPTY = """
do $$
begin
    if to_regclass('retired.{table}') is not null then
        if not exists (select from retired.{table}) then
            drop table retired.{table};
        end if;
    end if;
    if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                      and refobjid = to_regnamespace('retired')) then
        drop schema if exists retired;
    end if;
end
$$
"""
GRADE_LEVELS = """
create table if not exists retired.users_grade_level_3f1c9a7d52e4 (
    user_id integer,
    grade_level text not null,
    became integer,
    retired_at timestamptz default clock_timestamp(),
    left_at timestamptz,
    primary key (user_id, retired_at)
)
"""
MOVED_LESSONS = """
create table if not exists retired.lesson_assignments_moved_28bd94ce4cd6 (
    lesson_assignment_id integer primary key,
    lesson_id integer not null,
    assignment_template_id integer not null,
    order_in_lesson integer not null,
    created_at timestamptz not null,
    followed boolean not null default false
)
"""
AFTER_UP = {
    "3f1c9a7d52e4": (EMPTY.format(table="users_grade_level_3f1c9a7d52e4"),),
    "28bd94ce4cd6": (EMPTY.format(table="lesson_assignments_moved_28bd94ce4cd6"),),
}
BEFORE_DOWN = {"3f1c9a7d52e4": ("create schema if not exists retired", GRADE_LEVELS)}
"""Its way down gives the texts back without asking whether the table is there: it was purged, or never was."""
BEFORE_DOWN_PRINTED = {"28bd94ce4cd6": ("create schema if not exists retired", MOVED_LESSONS)}
"""Its way down looks whether the table is there, which printed SQL cannot; and drops it where it is empty."""
AFTER_DOWN = {BASELINE: (f"drop table if exists {DEFINITIONS}",)}
"""At base there is nothing that a way up could take back."""


def look_after(steps: Iterable[RevisionStep | StampStep], context: MigrationContext) -> None:
    """Have each step do, in its own transaction, what has to be done beside the revision's own function."""
    for step in steps:
        if isinstance(step, RevisionStep):
            step.migration_fn = _and_more(step, step.migration_fn, context)


def _and_more(step: RevisionStep, function: Callable[..., Any], context: MigrationContext) -> Callable[..., None]:
    # not op.get_context(): where a revision is only asked what it will do, a look at the database ends the asking
    revision, direction = str(step.revision.revision), "upgrade" if step.is_upgrade else "downgrade"
    before = () if step.is_upgrade else BEFORE_DOWN.get(revision, ())
    if context.as_sql and not step.is_upgrade:
        before = (*before, *BEFORE_DOWN_PRINTED.get(revision, ()))
    after = (AFTER_UP if step.is_upgrade else AFTER_DOWN).get(revision, ())

    @functools.wraps(function)  # Alembic tells its name
    def run(**arguments: Any) -> None:
        for statement in before:
            op.execute(statement)
        function(**arguments)
        for statement in (*kept_definitions.kept_at_the_end(context, revision, direction), *after):
            op.execute(statement.replace(":", r"\:"))

    return run
