"""What each rule of lint means, why it is one, and the safe form to paste: for `lint --explain` and docs/lint.md."""

import difflib
from dataclasses import dataclass

from surefoot.author.lint.lint_findings import OVER_BUDGET
from surefoot.errors import UsageError
from surefoot.program import program


@dataclass(frozen=True)
class RuleText:
    """A rule: what it finds, why that is dangerous, and safe code. `by_squawk` where squawk finds it."""

    name: str
    finds: str
    why: str
    safe: str
    by_squawk: bool = False

    @property
    def acknowledgement(self) -> str:
        """The comment by which a revision says that it is safe here; empty for rules on such comments."""
        if self.name == OVER_BUDGET:
            return "# budget: readers=3 <why it does no harm here>"
        return "" if self.name.startswith("acknowledgement-") else f"# lint: {self.name} <why it does no harm here>"

    @property
    def place(self) -> str:
        """Where in the file that comment stands."""
        return "anywhere in the file" if self.name == OVER_BUDGET else "above the call"


TEXTS = (
    RuleText(
        "acknowledgement-of-nothing",
        "A comment `# lint: <rule> ...` beside which nothing breaks that rule.",
        "It would hide the next fault that somebody makes there.",
        "# delete it, or move it to the line above the call that it is about",
    ),
    RuleText(
        "acknowledgement-without-reason",
        "A comment `# lint: ...` without a rule, or without a reason.",
        "Whoever reads it at two in the morning needs to know why it is safe here.",
        "# lint: <rule> <why it does no harm here>",
    ),
    RuleText(
        "attach-scans-table",
        "A table with rows becomes a partition, and no validated CHECK says that its rows fit.",
        "PostgreSQL reads the whole table to find out, and nobody writes it meanwhile.",
        'op.add_check_online("<table>_fits", "<table>", "<what FOR VALUES says, and is not null>")\n'
        'op.execute("alter table <parent> attach partition <table> for values ...")  # skips the scan',
    ),
    RuleText(
        "backfill-in-one-statement",
        "An UPDATE or DELETE that no key bounds, or that was seen to change most rows of a table.",
        "Every row stays locked until the transaction ends: writers wait, and a failure near the end throws all away.",
        'op.backfill("<table>", {"<column>": "<expression>"}, "<column> is null")',
    ),
    RuleText(
        "cascade-takes-others",
        "CASCADE dropped something that no statement of the revision names.",
        "On a real database it may take more: views, foreign keys and functions that others have made.",
        '# name each of them, without CASCADE, and make again what is still used:\nop.execute("drop view <view>")',
    ),
    RuleText(
        "drops-index-of-foreign-key",
        "An index is gone by which a foreign key found its rows.",
        "Each row that is deleted of the table it refers to reads all of this one.",
        'op.create_index_online("ix_<table>_<column>", "<table>", ["<column>"])',
    ),
    RuleText(
        "drops-needed-default",
        "A column stays NOT NULL and loses its default.",
        "The application that runs, and names no value for the column, cannot insert any more.",
        "# in a later revision, when every release that runs gives the value itself; or first, so that NULL is taken:\n"
        'op.drop_not_null_online("<table>", "<column>")',
    ),
    RuleText(
        "drops-what-a-release-uses",
        "A table or column is taken away that the models of the last release map (alembic/released_models.txt).",
        "Applications of that release run during the upgrade, and after a rollback: their queries name it, and fail.",
        "# first a release whose models are without it; then, in a revision of the release after it:\n"
        'op.retire_column("<table>", "<column>")',
    ),
    RuleText(
        "exclusion-constraint-scans",
        "An EXCLUDE constraint is added to a table that exists.",
        "It reads every row and builds its index under ACCESS EXCLUSIVE, and there is no NOT VALID for it.",
        "# a new, empty table takes it at once; one with rows: in an hour without users, acknowledged here, or a\n"
        "# trigger that refuses what overlaps:\n"
        'op.execute("create trigger ... before insert or update on <table> ...")',
    ),
    RuleText(
        "foreign-key-of-another-type",
        "A foreign key's column has another type than the one it refers to.",
        "Values of the wider type do not fit into the other, and joins convert each row.",
        '# the type of the column that it refers to:\nsa.Column("<column>", sa.<type of the other>(), ...)',
    ),
    RuleText(
        "foreign-key-without-index",
        "No index begins with the columns of a new foreign key.",
        "Each row that is deleted of the table it refers to, or whose key changes, reads all of this one.",
        'op.create_index_online("ix_<table>_<column>", "<table>", ["<column>"])',
    ),
    RuleText(
        "grant-to-public",
        "PUBLIC has a privilege that it had not.",
        "Whoever can connect to the database, now or later, may do it.",
        'op.execute("grant ... to <the role of the application>")',
    ),
    RuleText(
        "imports-application",
        "The revision imports models, or other code of the application's.",
        "That goes on changing: in a year the revision runs with other tables, columns and defaults, or not at all.",
        "# copy in what is needed, as it is today:\n"
        'pupils = sa.table("pupils", sa.column("id", sa.BigInteger), sa.column("name", sa.Text))',
    ),
    RuleText(
        "json-column",
        "A column is json, not jsonb.",
        "json has no equality, so DISTINCT, GROUP BY and UNION on the row fail, and no index.",
        'sa.Column("<column>", postgresql.JSONB())',
    ),
    RuleText(
        "lock-held-beside-long-work",
        "A statement that takes long runs in a transaction that has locked a table ACCESS EXCLUSIVE before.",
        "Nobody reads or writes the table for as long as that takes.",
        "# a revision of its own for the long statement, or the online form, which has transactions of its own:\n"
        'op.create_index_online("ix_<table>_<column>", "<table>", ["<column>"])',
    ),
    RuleText(
        "lock-table",
        "LOCK TABLE.",
        "Whoever writes the table waits until the transaction ends, and everybody queues behind the first who does.",
        "# leave it out: each statement takes the lock that it needs, for as long as it needs it",
    ),
    RuleText(
        "loop-over-rows",
        "A loop of Python's sends a statement for each row.",
        "A real table takes as many round trips as it has rows, in a transaction that keeps all of them locked.",
        'op.backfill("<table>", {"<column>": "<expression>"}, "<column> is null")',
    ),
    RuleText(
        "loses-data",
        "A table, column, schema or row is gone, and nothing was set aside.",
        "No downgrade brings it back.",
        'op.retire_column("<table>", "<column>")  # or op.retire_table(...), op.retire_rows(...)\n'
        '# the other direction: if not op.restore_column("<table>", "<column>"): op.add_column(...)',
    ),
    RuleText(
        "not-expand-only",
        "A revision says `expand_only = True` and does more than add: something is gone, narrower or other, or rows "
        "that were there are deleted or get other values.",
        "By that line an application of the version before starts on the newer database, and would find what it does "
        "not know.",
        "# delete the line expand_only = True, or leave this to a later revision, when no older version runs any more",
    ),
    RuleText(
        "not-rerunnable",
        "What is committed before the revision is recorded fails in a second run, or is done twice.",
        "Cut off in between, the revision never gets past that statement again.",
        'op.add_column("<table>", sa.Column(...), if_not_exists=True)  # if_exists=True where it drops',
    ),
    RuleText(
        "old-name-ended-too-early",
        "The old name of a table or column is taken away by the revision that renames it, or before that is released.",
        "The application that runs has no moment in which it works under both names.",
        "# in a revision of a later release, when the one with the new name is out:\n"
        'op.end_table_rename("<old>", "<new>", since="<revision>")\n'
        '# or, of a column: op.end_column_rename("<table>", "<old>", "<new>", since="<revision>")',
    ),
    RuleText(
        "old-name-taken-away",
        "The old name of a table or column that an earlier revision renamed is taken away.",
        "From here on whoever names it fails: every application that runs has to be of a release with the new name.",
        "# when that is so, say it beside the call:\n"
        "op.end_table_rename(...)  # lint: old-name-taken-away <since which release nobody names it>\n"
        "# or, of a column, op.end_column_rename(...)",
    ),
    RuleText(
        OVER_BUDGET,
        "In tables as large as the real ones, the revision locks or takes longer, rewrites more or loses more than the "
        "budget allows.",
        "It is what a rehearsal refuses: nobody reads or writes a table for as long.",
        "# in batches, beside the users, or in revisions of their own:\n"
        'op.backfill("<table>", {"<column>": "<expression>"}, "<column> is null")',
    ),
    RuleText(
        "protective-setting-changed",
        "A timeout is switched off, or changed for longer than its transaction; also session_replication_role and "
        "row_security.",
        "What waits for a lock, or never ends, makes everybody else queue behind it; rows are written unlooked at.",
        "# leave it out: env.py sets it for the session; where a single statement needs more:\n"
        "op.execute(\"set local lock_timeout = '2s'\")",
    ),
    RuleText(
        "refresh-blocks-readers",
        "REFRESH MATERIALIZED VIEW without CONCURRENTLY.",
        "Nobody reads the view while its query runs.",
        "# it needs a unique index on columns, without WHERE\n"
        'op.execute("refresh materialized view concurrently <view>")',
    ),
    RuleText(
        "rewrites-table",
        "PostgreSQL wrote a table, an index or a view anew for a statement.",
        "Nobody reads or writes it for as long as copying every row takes, and it needs the disk space twice.",
        'op.change_types_online("<table>", {"<column>": (sa.<type>(), "<using>", "<back>")})',
    ),
    RuleText(
        "row-security-switched-off",
        "Row security of a table is off from here on.",
        "Whoever may read the table reads all of its rows.",
        'op.execute("create policy <name> on <table> to <role> using (true)")  # for the one role that needs it',
    ),
    RuleText(
        "row-security-without-policy",
        "Row security of a table is on, and there is no policy.",
        "For everybody but its owner the table is empty, and no INSERT succeeds.",
        '# in the same revision:\nop.execute("create policy <name> on <table> using (<condition>)")',
    ),
    RuleText(
        "schema-branches-on-environment",
        "What the revision reads of its environment (time, variables, server, connection) decides about the schema.",
        "Two databases at the same revision are then not the same.",
        "# one schema everywhere; let the data depend on the environment, where something must:\n"
        'if os.environ.get("DEMO"):\n    op.execute("insert into ... on conflict do nothing")',
    ),
    RuleText(
        "triggers-switched-off",
        "Triggers of a table are switched off, also for a moment.",
        "What they keep in step, and what foreign keys forbid, is not looked at for rows written meanwhile.",
        "# leave them on and write in batches: op.backfill(...); a trigger that must not fire asks in its WHEN:\n"
        "# current_setting('app.migrating', true) is distinct from 'on'",
    ),
    RuleText(
        "validated-in-the-same-transaction",
        "NOT VALID and VALIDATE are in one transaction.",
        "The strong lock of the first is kept for the scan of the second: users wait as for the plain constraint.",
        'op.add_check_online("<name>", "<table>", "<condition>")  # or op.add_foreign_key_online(...)\n'
        "# each validates in a transaction of its own",
    ),
    RuleText(
        "waits-under-lock",
        "pg_sleep, or half a second of Python, while a table is locked.",
        "Whoever uses the table waits as long.",
        "# compute and wait before the first statement that locks, or in a revision of its own",
    ),
    RuleText(
        "way-back-fails",
        "Up, down and up again fails on the scratch database.",
        "Whoever has to go back stands with half a revision, and no way on.",
        "# downgrade() undoes what upgrade() did, last thing first: it retires what was added, and upgrade() takes it "
        "back",
    ),
    RuleText(
        "adding-foreign-key-constraint",
        "A foreign key is added and checked at once.",
        "Both tables take no writes while every row is looked up.",
        'op.add_foreign_key_online("<name>", "<table>", "<other>", ["<column>"], ["id"])',
        by_squawk=True,
    ),
    RuleText(
        "adding-not-nullable-field",
        "SET NOT NULL.",
        "It reads every row under ACCESS EXCLUSIVE.",
        'op.set_not_null_online("<table>", "<column>")',
        by_squawk=True,
    ),
    RuleText(
        "adding-required-field",
        "A column is added NOT NULL without a default.",
        "A table with rows refuses it, and the application that runs, and knows no value for it, cannot insert.",
        'op.add_column("<table>", sa.Column("<column>", ...), if_not_exists=True)\n'
        'op.backfill("<table>", {"<column>": "..."}, "<column> is null")\n'
        'op.set_not_null_online("<table>", "<column>")',
        by_squawk=True,
    ),
    RuleText(
        "adding-serial-primary-key-field",
        "A primary key is added to a table that exists.",
        "Its index is built, and a new column written into every row, under ACCESS EXCLUSIVE.",
        'op.create_index_online("<table>_pkey", "<table>", ["<column>"], unique=True)\n'
        'op.execute("alter table <table> add primary key using index <table>_pkey")',
        by_squawk=True,
    ),
    RuleText(
        "ban-concurrent-index-creation-in-transaction",
        "CREATE INDEX CONCURRENTLY inside a transaction.",
        "PostgreSQL refuses it.",
        'op.create_index_online("ix_<table>_<column>", "<table>", ["<column>"])',
        by_squawk=True,
    ),
    RuleText(
        "constraint-missing-not-valid",
        "A constraint is added and checked at once.",
        "The table is locked while every row is read.",
        'op.add_check_online("<name>", "<table>", "<condition>")',
        by_squawk=True,
    ),
    RuleText(
        "disallowed-unique-constraint",
        "A UNIQUE constraint is added without an index that is there already.",
        "Its index is built under ACCESS EXCLUSIVE.",
        'op.add_unique_online("<name>", "<table>", ["<column>"])',
        by_squawk=True,
    ),
    RuleText(
        "renaming-column",
        "A column gets another name.",
        "The application that runs still asks for the old one.",
        'op.rename_column_online("<table>", "<old>", "<new>")  # the old name lives on as a second column\n'
        "# in a revision of a later release:\n"
        '# op.end_column_rename("<table>", "<old>", "<new>", since="<this revision>")',
        by_squawk=True,
    ),
    RuleText(
        "renaming-table",
        "A table gets another name.",
        "The application that runs still asks for the old one.",
        'op.execute("create view <new> as select * from <old>")  # the table gets its name when no release asks for '
        "the old one",
        by_squawk=True,
    ),
    RuleText(
        "require-concurrent-index-creation",
        "CREATE INDEX without CONCURRENTLY on a table that exists.",
        "Nobody writes the table while the index is built.",
        'op.create_index_online("ix_<table>_<column>", "<table>", ["<column>"])',
        by_squawk=True,
    ),
    RuleText(
        "require-concurrent-index-deletion",
        "DROP INDEX without CONCURRENTLY.",
        "It waits for whoever reads the table, and everybody else queues behind it.",
        'op.drop_index_online("<index>")',
        by_squawk=True,
    ),
    RuleText(
        "require-concurrent-reindex",
        "REINDEX without CONCURRENTLY.",
        "Nobody writes the table, and no query uses the index, while it is built.",
        'with op.get_context().autocommit_block():\n    op.execute("reindex index concurrently <index>")',
        by_squawk=True,
    ),
)
"""The rules that lint has itself by name, then those of squawk's for which it has a safe form."""
SQUAWK = "https://squawkhq.com/docs/rules"


def explain(name: str) -> str:
    """Return what a rule means, as lines for a terminal. Raises UsageError for an unknown one, with the nearest."""
    known = {each.name: each for each in TEXTS}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        raise UsageError(
            f"There is no rule {name!r}{f': did you mean {near[0]}?' if near else '.'}",
            (f"{program()} lint --explain {near[0]}; " if near else "")
            + f"docs/lint.md lists all, and squawk's own rules are at {SQUAWK}.",
        )
    text = known[name]
    lines = [f"{text.name}{'  (found by squawk)' if text.by_squawk else ''}", f"  finds      {text.finds}",
             f"  why        {text.why}"]  # fmt: skip
    first, *more = text.safe.splitlines()
    lines += [f"  safe       {first}", *(f"             {each}" for each in more)]
    if text.acknowledgement:
        lines.append(f"  or         {text.acknowledgement}   ({text.place})")
    return "\n".join(lines)


def page() -> str:
    """Return docs/lint.md: every rule with its text."""
    parts = [
        "# Rules of lint",
        "<!-- Written by `make docs` from surefoot.author.lint.rule_texts; a change here is lost. -->",
        "`ourschool lint --explain <rule>` prints one of them. How lint works, and what it needs, is in "
        "[author.md](author.md#lint). squawk has more rules than those below; "
        f"[its pages]({SQUAWK}) explain them.",
    ]
    for text in TEXTS:
        parts += [f"## {text.name}", f"{text.finds} {text.why}", f"```python\n{text.safe}\n```"]
        if text.acknowledgement:
            parts.append(f"Where it does no harm: `{text.acknowledgement}` {text.place}.")
    return "\n\n".join(parts) + "\n"
