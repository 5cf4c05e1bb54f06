"""What squawk finds reaches the author with place and remedy; what it says of new tables or of online work does not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from surefoot.author.lint import squawk
from surefoot.author.lint.lint_report import as_text
from surefoot.author.lint.linted_history import Report
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.span import Span
from surefoot.author.lint.syntax import Parsed
from surefoot.author.lint.table_state import State
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

BAD = {
    "require-concurrent-index-creation": (
        'op.create_index("ix_{t}_a", "{t}", ["a", "b"], unique=True)',
        'op.drop_index_online("ix_{t}_a", "{t}")',
        'op.create_index_online("ix_{t}_a", "{t}", ["a", "b"], unique=True)',
    ),
    "require-concurrent-index-deletion": (
        'op.drop_index("{t}_b_idx")',
        'op.create_index_online("{t}_b_idx", "{t}", ["b"])',
        'op.drop_index_online("{t}_b_idx")',
    ),
    "constraint-missing-not-valid": (
        'op.create_check_constraint("a", "{t}", "a > 0")',
        'op.drop_constraint(op.f("{t}_a_check"), "{t}")',
        'op.add_check_online("{t}_a_check", "{t}", "a > 0")',
    ),
    "adding-foreign-key-constraint": (
        'op.create_foreign_key("{t}_other_fkey", "{t}", "t1", ["other"], ["id"])',
        'op.drop_constraint("{t}_other_fkey", "{t}")',
        'op.add_foreign_key_online("{t}_other_fkey", "{t}", "t1", ["other"], ["id"])',
    ),
    "disallowed-unique-constraint": (
        'op.create_unique_constraint("{t}_a_key", "{t}", ["a"])',
        'op.drop_constraint("{t}_a_key", "{t}")',
        'op.add_unique_online("{t}_a_key", "{t}", ["a"])',
    ),
    "adding-not-nullable-field": (
        'op.alter_column("{t}", "a", nullable=False)',
        'op.alter_column("{t}", "a", nullable=True)',
        'op.set_not_null_online("{t}", "a")',
    ),
    "adding-required-field": (
        'op.add_column("{t}", sa.Column("d", sa.Integer(), nullable=False))',
        'op.drop_column("{t}", "d")',
        'op.backfill("{t}", {"d": "..."}, "d is null")',
    ),
    "renaming-column": (
        'op.alter_column("{t}", "a", new_column_name="aa")',
        'op.alter_column("{t}", "aa", new_column_name="a")',
        'op.rename_column_online("{t}", "a", "aa")',
    ),
    "renaming-table": (
        'op.rename_table("{t}", "{t}_new")',
        'op.rename_table("{t}_new", "{t}")',
        'op.rename_table_online("{t}", "{t}_new")',
    ),
    "require-concurrent-reindex": ('op.execute("reindex table {t}")', "pass", "concurrently"),
}
"""By rule: the upgrade that breaks it, its way back, a part of the remedy."""

GOOD = (
    Step(
        "online",
        """
        op.create_index_online("ix_{t}_a", "{t}", ["a"])
        op.add_check_online("{t}_a_check", "{t}", "a > 0")
        op.create_index_online("ix_{t}_other", "{t}", ["other"])
        op.add_foreign_key_online("{t}_other_fkey", "{t}", "t1", ["other"], ["id"])
        op.add_unique_online("{t}_b_key", "{t}", ["b"])
        op.set_not_null_online("{t}", "a")
        """,
        """
        op.drop_not_null_online("{t}", "a")
        op.drop_constraint_online("{t}_b_key", "{t}")
        op.drop_constraint_online("{t}_other_fkey", "{t}")
        op.drop_index_online("ix_{t}_other", "{t}")
        op.drop_constraint_online("{t}_a_check", "{t}")
        op.drop_index_online("ix_{t}_a", "{t}")
        """,
    ),
    Step(
        "new table only",
        """
        op.create_table(
            "n{t}",
            sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("name", sa.String(20)),
            sa.Column("other", sa.BigInteger(), sa.ForeignKey("t1.id")),
            sa.Column("at", sa.DateTime()),
        )
        op.create_index("ix_n{t}_name", "n{t}", ["name"])
        op.create_unique_constraint("n{t}_name_key", "n{t}", ["name"])
        op.alter_column("n{t}", "name", nullable=False)
        op.alter_column("n{t}", "at", new_column_name="seen_at")
        op.drop_index("ix_n{t}_name")
        op.drop_table("n{t}")
        """,
    ),
    Step(
        "unreadable to squawk",
        """
        op.execute("do $$ begin perform a, nobody from nowhere; exception when others then null; end $$")
        op.execute("update {t} set b = 'ü; x' where id = 1")
        """,
    ),
)

STEPS = (*(Step(rule, upgrade, downgrade) for rule, (upgrade, downgrade, _) in BAD.items()), *GOOD)
INDEX = 'op.execute("create index {t}_b_idx on {t} (b)")'


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = write(project_in(tmp_path_factory), STEPS)
    base = made.files["tables"]
    more = INDEX.replace("{t}", "t2")
    base.write_text(base.read_text("utf-8").replace("\n\n\ndef downgrade", f"\n    {more}\n\n\ndef downgrade"), "utf-8")
    assert more in base.read_text("utf-8")
    return made


@pytest.fixture(scope="module")
def report(chain: Chain, newest: Server) -> Iterator[Report]:
    with fresh(newest) as database:
        yield chain.lint(database)


@pytest.mark.parametrize("rule", BAD)
def test_a_finding_of_squawk_has_its_place_and_remedy(chain: Chain, report: Report, rule: str) -> None:
    table = f"t{list(BAD).index(rule) + 1}"
    upgrade, _, remedy = (text.replace("{t}", table) for text in BAD[rule])
    found = [each for each in chain.found(report, rule) if each.direction == "upgrade"]
    beside = {"adding-foreign-key-constraint": ["foreign-key-without-index"]}
    assert [each.rule for each in found] == [rule, *beside.get(rule, [])]
    assert chain.code(found[0]) == upgrade
    assert table in found[0].statement
    assert remedy in found[0].safe
    assert found[0].why


@pytest.mark.parametrize("name", [step.name for step in GOOD])
def test_online_work_and_new_tables_are_silent(chain: Chain, report: Report, name: str) -> None:
    assert [(each.rule, each.statement) for each in chain.found(report, name)] == []


def test_a_statement_that_squawk_cannot_read_hides_no_other(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    step = Step(
        "both",
        """
        op.execute("create index {t}_b on {t} (b)")
        op.execute('''
            do $$ begin execute 'alter table {t} alter a set default ' || 1; end $$
        ''')
        """,
        """
        op.drop_index_online("{t}_b", "{t}")
        op.execute("alter table {t} alter a drop default")
        """,
    )
    chain = write(project_in(tmp_path_factory), [step])
    found = chain.found(chain.lint(database, "both"), "both")
    assert [each.rule for each in found] == ["require-concurrent-index-creation"]


def test_what_squawk_cannot_read_is_counted_and_told() -> None:
    """PostgreSQL takes nothing known that squawk does not read, so the recording is made by hand."""
    state = State({})
    recording = Recording("1", Path(__file__), "upgrade", state, (), None)
    texts = ("select 5 !", "create index i on t (a)", "alter table ((", "reindex table t")
    statements = tuple(
        Statement(text, Parsed(text), (1, 0), (Span(1, 1),), online=False, before=state, after=state) for text in texts
    )
    found, unread = squawk.findings([replace(recording, statements=statements)], "18.1")
    assert {each.rule for each in found} == {"require-concurrent-index-creation", "require-concurrent-reindex"}
    assert unread == [2]
    assert "2 of them squawk could not read" in as_text(Report(("1",), 4, "18.1", (), sum(unread)))
