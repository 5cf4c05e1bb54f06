"""What the pages show, made up, with names and messages that would do harm in a page that does not escape them."""

import datetime as dt

from surefoot.catalogue.differences import Deviation, Difference, Kind
from surefoot.errors import CheckFailed
from surefoot.operate.rehearse.rehearsal_result import (
    ChangedRows,
    CopySource,
    DowngradeResult,
    HeldLock,
    Rehearsal,
    RevisionRun,
    RewrittenTable,
    UpgradeCost,
)
from surefoot.operate.rehearse.saved_reports import RehearsalDuration
from surefoot.operate.rehearse.value_hashes import ColumnDifference, TableDifference
from surefoot.operate.status.collect import Drift, State, Status
from surefoot.operate.status.health import HealthFinding
from surefoot.operate.status.journal_report import JournalEntry
from surefoot.operate.status.recorded_backups import LastBackup
from surefoot.operate.status.revision_history import RevisionRuns
from surefoot.operate.status.revision_list import PendingRevision, RevisionList
from surefoot.runtime.work_queue import Entry

HOSTILE = (
    """<script>document.title = "taken"</script><img src=x onerror="document.title='taken'">&quot;'"></td></style>"""
)
LONG = "a_table_whose_name_has_all_the_sixty_three_letters_of_postgresql"
WHEN = dt.datetime(2026, 11, 30, 8, 15, tzinfo=dt.UTC)
AT = "8b06d2e94c17"


def ran(number: int, seconds: float, *locks: HeldLock, message: str = "") -> RevisionRun:
    return RevisionRun(
        f"{number:012x}", message or f"Give pupils of term {number} their marks as numbers", "0" * 64, seconds, locks,
        (ChangedRows("users", 0, 1204 * number, 0), ChangedRows(f"{LONG}"[:63], 17, 0, 3)) if number % 2 else (),
        (RewrittenTable("student_points", 48_210),) if number == 3 else (), 64_000 * number, 9_000_000,
    )  # fmt: skip


def rehearsal(*, holds: bool = True) -> Rehearsal:
    runs = (
        ran(0xA1B2C3, 0.41, HeldLock("users", "ACCESS EXCLUSIVE", 0.12, 2, at=0.2),
            HeldLock("users", "ROW EXCLUSIVE", 0.09, 1, changes=True, at=0.02)),
        ran(2, 1.7, HeldLock(LONG, "SHARE ROW EXCLUSIVE", 0.8, 1, at=0.3), message=HOSTILE),
        ran(3, 0.003),
        ran(4, 0.9, HeldLock(HOSTILE, "SHARE UPDATE EXCLUSIVE", 0.4, 3)),
    )  # fmt: skip
    lost = ("users: 12 values of column nickname, which were set to NULL", f"{HOSTILE}: 3 rows") if not holds else ()
    differing = TableDifference(
        "users", 1204, there=True, gone=2, columns=(ColumnDifference(HOSTILE, "text", "integer", 4, 12, 0),),
        absent=("nickname",),
    )  # fmt: skip
    return Rehearsal(
        f"school {HOSTILE}", "db.school.example:5432", 180_000, (AT,), "head", WHEN,
        CopySource("school-20261130T080000Z", False, WHEN, "it is the newest, and of today"),
        "a scratch database beside the original", 51_204, runs, 4, None, (differing,) if not holds else (),
        DowngradeResult(1.1, lost=lost, filled=7, again=2.9, again_differs=("users.updated_at",)),
        () if holds else (f"{HOSTILE} had 150 rows, and 3 of them do not come back.",),
        UpgradeCost(3.013, 9_000_000, 9_400_000, 9_900_000, 640_000, 6024, 48_210), notes=("Extensions: none.",),
    )  # fmt: skip


def run(days: int, revision: str, outcome: str = "done", direction: str = "upgrade") -> JournalEntry:
    failed = outcome == "failed"
    return JournalEntry(
        revision, direction, outcome, WHEN + dt.timedelta(days=days), 0.4 + 7 * failed, "school_owner", "deploy",
        f"web-1{HOSTILE if failed else ''}", "0.1.0", None, f"relation {HOSTILE} does not exist" if failed else None,
        "alter table users add column nickname text" if failed else None,
    )  # fmt: skip


def history() -> list[RevisionRuns]:
    return [
        RevisionRuns("d00000000004", "Pending", False, False, ()),
        RevisionRuns(AT, HOSTILE, True, True, (run(9, AT, "failed"), run(10, AT), run(60, AT, direction="downgrade"),
                                                run(61, AT))),
        RevisionRuns("b00000000002", "The years of school", True, False, (run(3, "b00000000002", "begun"),)),
        RevisionRuns("a00000000001", "The baseline", True, False, ()),
    ]  # fmt: skip


def status() -> tuple[Status, CheckFailed]:
    deviation = Deviation(Kind.UNEXPECTED, f"index {HOSTILE}", None, None, "btree (email)")
    pending = (
        PendingRevision("d00000000004", HOSTILE, f"Because of {HOSTILE}.", "none", True, 3.2, None),
        PendingRevision("e00000000005", "More", None, None, False, None, RehearsalDuration(41.0, WHEN.date())),
    )
    queue = Entry(
        kind="backfill", name="users.nickname", arguments={}, rows_total=4000, id=1, revision=AT, state="failed",
        error=HOSTILE, rows_done=1000, rows_set=900, last_key=("1000",), passes=0, queued_at=WHEN, changed_at=WHEN,
    )  # fmt: skip
    messages = {"a00000000001": "The baseline", AT: HOSTILE, "d00000000004": "Pending", "e00000000005": "More"}
    listed = RevisionList(("e00000000005",), frozenset({AT}), (), (), messages)
    result = Status(
        "18.0", State.BEHIND, (AT,), listed, pending, Drift(Difference((deviation,))), None,
        (HealthFinding("invalid index", f"index {HOSTILE} on {LONG} is INVALID", f"reindex index {LONG};"),),
        LastBackup(f"/srv/backups/{LONG}", WHEN, AT, "the role may not make a database"), None, None, None, None,
        {"owner of a table": [HOSTILE, "users"]}, (queue,), None, (), None,
    )  # fmt: skip
    return result, CheckFailed("The database is behind.", f"python -m ourschool rehearse, not {HOSTILE}")
