"""Rules on what protects users and data: settings of the session, triggers, rights, row security."""

from collections.abc import Iterator
from functools import partial

from surefoot.author.lint.lint_findings import Finding, at, at_statement
from surefoot.author.lint.recording import RETIRED, Recording, Statement
from surefoot.author.lint.syntax import Parsed, functions
from surefoot.author.lint.table_state import State

SETTING = "protective-setting-changed"
TRIGGERS = "triggers-switched-off"
PUBLIC = "grant-to-public"
NO_POLICY = "row-security-without-policy"
SECURITY_OFF = "row-security-switched-off"
TIMEOUTS = {"lock_timeout": 10.0, "statement_timeout": 0.0, "idle_in_transaction_session_timeout": 0.0}
"""The timeouts, and how many seconds one may be set to for a transaction; 0 stands for any time but none at all."""
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
OFF = ("AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser", "AT_EnableReplicaTrig", "AT_DisableRule")

WHY_SETTING = "{name} is {value} from here on, and was {before}: {harm}."
HARM_LEFT = "it stays so for every revision that follows in this session"
HARM_TIMEOUT = "what waits for a lock, or never ends, makes everybody else queue behind it"
HARM_ROWS = "triggers and foreign keys do not look at the rows that are written, or rows stay unseen"
SAFE_SETTING = "# leave it out: env.py sets it for the session; where a single statement needs more:\n{example}"
WHY_TRIGGERS = (
    "Triggers of {table} are switched off: what they keep in step, and what foreign keys forbid, is not looked at for "
    "the rows that are written meanwhile, by others neither."
)
SAFE_TRIGGERS = (
    "# leave them on and write in batches: op.backfill(...); a trigger that must not fire for it asks in its WHEN:\n"
    "# current_setting('app.migrating', true) is distinct from 'on'"
)
WHY_PUBLIC = "Whoever can connect to the database, now or later, may do so: {rights}."
SAFE_PUBLIC = "op.execute('grant ... to <the role of the application>')"
WHY_NO_POLICY = (
    "Row security of {table} is on and there is no policy: for everybody but its owner the table is empty, and no "
    "INSERT succeeds."
)
SAFE_NO_POLICY = "# in the same revision:\nop.execute('create policy <name> on {table} using (<condition>)')"
WHY_SECURITY_OFF = "Row security of {table} is off from here on: whoever may read the table reads all of its rows."
SAFE_SECURITY_OFF = (
    "op.execute('create policy <name> on {table} to <role> using (true)')  # for the one role that needs it"
)


def settings(recording: Recording) -> Iterator[Finding]:
    """Find protective settings that a statement loosens, or changes for longer than its transaction."""
    for statement in recording.statements:
        if statement.online:
            continue
        for name, value in statement.after.settings.items():
            before = statement.before.settings.get(name, value)
            if value == before or value == recording.start.settings.get(name):
                continue
            harm = _harm(recording, statement, name, value)
            if harm is not None:
                why = WHY_SETTING.format(name=name, value=value, before=before, harm=harm)
                example = f"op.execute(\"set local {name} = '2s'\")" if name in TIMEOUTS else "op.backfill(...)"
                yield at_statement(recording, statement, SETTING, why, SAFE_SETTING.format(example=example))


def triggers(recording: Recording) -> Iterator[Finding]:
    """Find triggers of existing tables that are switched off, also where the same DO block switches them on again."""
    for statement in recording.statements:
        if statement.online:
            continue
        off = {
            str(table)
            for table in recording.tables()
            if (after := statement.after.relations.get(table.oid))
            and (before := statement.before.relations.get(table.oid))
            and after.triggers_off - before.triggers_off
        }
        for part in statement.parts():
            table = recording.existing(_table_with_triggers_off(part.parsed), part.before)
            off |= {str(table)} if table else set()
        if off:
            why = WHY_TRIGGERS.format(table=", ".join(sorted(off)))
            yield at_statement(recording, statement, TRIGGERS, why, SAFE_TRIGGERS)


def rights(recording: Recording) -> Iterator[Finding]:
    """Find rights that PUBLIC gets, a new function's own EXECUTE left out, and what a downgrade gives back."""
    formerly = recording.undone.start.open_to_all if recording.undone else frozenset()
    for statement in recording.statements:
        made = {each.what for key, each in statement.after.things.items() if key not in statement.before.things}
        given = sorted(
            right
            for right in statement.after.open_to_all - statement.before.open_to_all - formerly
            if right.partition(" on ")[2] not in made
        )
        if given and not statement.online:
            why = WHY_PUBLIC.format(rights=", ".join(given[:5]))
            yield at_statement(recording, statement, PUBLIC, why, SAFE_PUBLIC)


def row_security(recording: Recording) -> Iterator[Finding]:
    """Find tables that are left with row security on and no policy, and those whose row security is switched off."""
    for table in recording.end.relations.values():
        for holds, rule, reason, remedy in (
            (_hides_all, NO_POLICY, WHY_NO_POLICY, SAFE_NO_POLICY),
            (_hides_nothing, SECURITY_OFF, WHY_SECURITY_OFF, SAFE_SECURITY_OFF),
        ):
            so = partial(holds, name=str(table))
            before = recording.start.relations.get(table.oid)
            judged = rule == NO_POLICY or (before is not None and before.row_security)
            if judged and so(recording.end) and not so(recording.start) and not recording.was_so(so):
                why, safe = reason.format(table=table), remedy.format(table=table)
                yield at(recording, recording.when(so), rule, why, safe)


def _hides_all(state: State, name: str) -> bool:
    table = state.find(name)
    return table is not None and table.row_security and not table.policies


def _hides_nothing(state: State, name: str) -> bool:
    table = state.find(name)
    return table is not None and table.schema != RETIRED and not table.row_security


def _harm(recording: Recording, statement: Statement, name: str, value: str) -> str | None:
    """Return what a changed setting does; None where it is a timeout of this transaction's, and there is one."""
    if name not in TIMEOUTS:
        return HARM_ROWS
    seconds = _seconds(value)
    if seconds == 0 or (TIMEOUTS[name] and seconds > TIMEOUTS[name]):
        return HARM_TIMEOUT
    former = recording.start.settings[name]
    later = recording.statements[recording.statements.index(statement) + 1 :]
    back = any(each.after.settings.get(name) == former for each in later)
    return None if back or any(_is_local(part.parsed, name) for part in statement.parts()) else HARM_LEFT


def _is_local(parsed: Parsed, name: str) -> bool:
    """Return whether a statement changes the setting for its transaction alone."""
    if parsed.kind == "VariableSetStmt":
        return bool(parsed.node.get("is_local")) and parsed.node.get("name") == name
    return any(
        function == "set_config" and len(arguments) == 3 and "boolval" in arguments[2].get("A_Const", {})
        and arguments[2]["A_Const"]["boolval"].get("boolval", False)
        for function, arguments in functions(parsed)
    )  # fmt: skip


def _seconds(value: str) -> float:
    number = value.rstrip("mshdin")
    return float(number) * UNITS[value[len(number) :] or "ms"]


def _table_with_triggers_off(parsed: Parsed) -> str | None:
    if parsed.kind == "AlterTableStmt" and any(each["AlterTableCmd"]["subtype"] in OFF for each in parsed.node["cmds"]):
        relation = parsed.node["relation"]
        return f"{relation['schemaname']}.{relation['relname']}" if "schemaname" in relation else relation["relname"]
    return None
