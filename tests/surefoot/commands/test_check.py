"""check is 0 exactly when models, revisions and database agree; else it names what does not."""

import shutil
from pathlib import Path

import pytest

from tests.support.databases import ROOT, Database
from tests.surefoot.commands.revisions import write

CHANGES = {
    "an index is missing": ("drop index ix_users_parent_id", "index ix_users_parent_id on users"),
    "an index too many": ("create index one_more on users (first_name)", "index one_more on users"),
    "an index on other columns": (
        "drop index ix_users_parent_id; create index ix_users_parent_id on users (parent_id, id)",
        "index ix_users_parent_id on users",
    ),
    "an index with a predicate": (
        "drop index ix_users_parent_id; create index ix_users_parent_id on users (parent_id) where is_active",
        "index ix_users_parent_id on users",
    ),
    "an index that is no longer unique": (
        "drop index ix_users_lower_email; "
        "create index ix_users_lower_email on users (lower(email)) where deleted_at is null",
        "index ix_users_lower_email on users",
    ),
    "an index of another method": (
        "drop index ix_users_parent_id; create index ix_users_parent_id on users using hash (parent_id)",
        "index ix_users_parent_id on users",
    ),
    "an invalid index": (
        "update pg_index set indisvalid = false where indexrelid = 'ix_users_parent_id'::regclass",
        "index ix_users_parent_id on users",
    ),
    "a check too many": (
        "alter table users add constraint users_age_check check (date_of_birth > '1900-01-01')",
        "constraint users_age_check on users",
    ),
    "another default": ("alter table users alter column is_active set default false", "column users.is_active"),
    "no default": ("alter table terms alter column term_order drop default", "column terms.term_order"),
    "a nullable column": ("alter table users alter column email drop not null", "column users.email"),
    "a column of another type": ("alter table users alter column email type varchar(99)", "column users.email"),
    "a column of another collation": (
        'alter table users alter column first_name type varchar collate "C"',
        "column users.first_name",
    ),
    "a missing column": ("alter table users drop column date_of_birth", "column users.date_of_birth"),
    "a missing table": ("drop table journal_replies", "table journal_replies"),
    "another primary key": (
        "alter table audit_log drop constraint audit_log_pkey",
        "constraint audit_log_pkey on audit_log",
    ),
    "another action on delete": (
        "alter table terms drop constraint terms_created_by_fkey, add constraint terms_created_by_fkey "
        "foreign key (created_by) references users (id) on delete cascade",
        "constraint terms_created_by_fkey on terms",
    ),
    "a constraint that is not valid": (
        "alter table terms drop constraint terms_created_by_fkey, add constraint terms_created_by_fkey "
        "foreign key (created_by) references users (id) not valid",
        "constraint terms_created_by_fkey on terms",
    ),
    "an enum type": ("create type season as enum ('autumn')", "enum season"),
    "a trigger": (
        "create trigger meddles before update on users for each row "
        "execute function suppress_redundant_updates_trigger()",
        "trigger meddles on users",
    ),
    "a function": ("create function f() returns integer language sql as 'select 1'", "function f()"),
    "a view": ("create view pupils as select id from users", "view pupils"),
    "a sequence that nobody owns": ("create sequence loose", "sequence loose"),
    "a policy": ("create policy own on users using (id = 1)", "policy own on users"),
}


@pytest.mark.promise("T3")
def test_check_is_0_where_all_agree(at_head: Database) -> None:
    assert "No new upgrade operations detected." in at_head.alembic("check").stdout


ALONE = ("an index with a predicate", "another default", "a check too many", "a trigger", "an invalid index")
OVERLAPPING = frozenset({
    "a check too many", "an index is missing", "an index on other columns", "an index with a predicate",
    "an invalid index", "a column of another type", "a constraint that is not valid", "another primary key",
})  # fmt: skip
"""Of these another change of the list touches the same thing."""
TOGETHER = tuple(name for name in CHANGES if name not in OVERLAPPING)


@pytest.mark.promise("T3")
@pytest.mark.parametrize("names", [*((name,) for name in ALONE), TOGETHER], ids=[*ALONE, "all together"])
def test_check_is_1_and_names_what_differs(at_head: Database, names: tuple[str, ...]) -> None:
    for name in names:
        at_head.execute(*CHANGES[name][0].split("; "))
    done = at_head.alembic("check", status=1)
    assert f"ourschool: The database is not what the models say ({len(names)}):\n" in done.stderr
    for name in names:
        assert f"\n  {CHANGES[name][1]}" in done.stderr
    assert "\n→ " in done.stderr
    assert "No new upgrade operations" not in done.stdout


@pytest.mark.promise("T3")
def test_check_on_a_database_that_is_behind_says_so(at_head: Database) -> None:
    at_head.alembic("downgrade", "-1")
    said = at_head.alembic("check", status=2).stderr
    assert "ourschool: The database is behind the revisions" in said
    assert "→ python -m alembic upgrade head" in said


@pytest.mark.promise("T3")
def test_check_leaves_no_trace(at_head: Database) -> None:
    query = "select oid, relname, relfilenode from pg_class where relname !~ '^pg_' order by oid"
    schemas = "select nspname from pg_namespace order by 1"
    before = at_head.rows(query), at_head.rows(schemas)
    at_head.alembic("check")
    assert (at_head.rows(query), at_head.rows(schemas)) == before


@pytest.mark.promise("T3")
def test_the_text_of_a_check_and_of_a_predicate_is_compared(at_head: Database, project: Path, tmp_path: Path) -> None:
    """Models of the reader's own with a CHECK, a partial index and a default, and the revision that makes them."""
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src" / "ourschool", source / "ourschool", ignore=shutil.ignore_patterns("__pycache__"))
    people = source / "ourschool" / "models" / "people.py"
    text = people.read_text("utf-8")
    changed = text.replace(
        "    __table_args__ = (\n",
        "    __table_args__ = (\n"
        "        sa.CheckConstraint('id between 1 and 1000000000', name='id'),\n"
        "        sa.Index('ix_users_live', 'last_name', postgresql_where=sa.text('is_active')),\n",
        1,
    )
    assert changed != text
    people.write_text(changed, "utf-8")
    theirs = {"PYTHONPATH": str(source)}
    write(
        project,
        "checkone",
        upgrade="""\
            op.create_check_constraint(op.f("users_id_check"), "users", "id between 1 and 1000000000")
            op.create_index("ix_users_live", "users", ["last_name"], postgresql_where=sa.text("is_active"))
            """,
    )
    at_head.alembic("upgrade", "head", cwd=project)
    at_head.alembic("check", cwd=project, env=theirs)

    at_head.execute(
        "alter table users drop constraint users_id_check",
        "alter table users add constraint users_id_check check (id between 1 and 99)",
        "drop index ix_users_live",
        "create index ix_users_live on users (last_name) where not is_active",
    )
    said = at_head.alembic("check", cwd=project, env=theirs, status=1).stderr
    assert "not what the models say (2)" in said
    assert "\n  constraint users_id_check on users: " in said
    assert "\n  index ix_users_live on users: " in said
