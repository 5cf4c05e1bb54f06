"""The state of a database as `surefoot status --json` prints it."""

from dataclasses import asdict

from sqlalchemy.engine import URL

from surefoot import database
from surefoot.cli.status_answer import answer
from surefoot.operate.status.collect import Status


def as_json(result: Status, url: URL) -> dict[str, object]:
    """Return the state as an object for JSON."""
    told = answer(result)
    return {
        "database": database.describe(url),
        "server": result.server,
        "state": result.state.value,
        "word": told.word.lower(),
        "next": told.next,
        "revision": result.revision,
        "heads": result.revisions.heads,
        "newer": [
            {"revision": each.revision, "title": each.title, "expand_only": each.expand_only}
            for each in (result.newer.revisions if result.newer else ())
        ],
        "pending": [asdict(each) for each in result.pending],
        "drift": {
            "looked": result.drift.not_compared is None and len(result.revision) == 1 and not result.revisions.unknown,
            "unseen": result.drift.not_compared,
            "deviations": result.drift.difference.as_json(),
        },
        "rehearsal": result.rehearsal,
        "unfinished": result.cut_off.as_json() if result.cut_off else None,
        "migrating": result.migrating,
        "queue": [asdict(each) | {"rows_left": each.rows_left} for each in result.queue],
        "worker": result.worker,
        "own": result.own,
        "old_names": [each.as_json() for each in result.old_names],
        "health": [asdict(each) for each in result.health],
        "retired": [
            {"kind": each.kind, "name": each.name, "relation": each.relation, "revision": each.revision,
             "rows": each.rows, "at": each.at}
            for each in result.retired
        ],
        "backup": asdict(result.backup) | {"age": result.backup.age} if result.backup else None,
    }  # fmt: skip


def tables_as_json(result: Status) -> dict[str, dict[str, str]]:
    """Return the tables as an object for JSON: by table and column the type."""
    tables = result.catalogue.tables if result.catalogue else ()
    return {table.name: {column.name: column.summary for column in table.columns} for table in tables}
