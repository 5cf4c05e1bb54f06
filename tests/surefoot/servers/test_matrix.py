"""One story on each kind of server: adopted, rehearsed, upgraded, killed, gone on, backed up, restored, ensured.

Or every command that writes refuses in one sentence. In the short form on two of them; the rest is the long form.
"""

import signal
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD
from tests.support.databases import ROOT, Database
from tests.support.servers import Server
from tests.support.typed import ourschool
from tests.surefoot.faults.runs import Run, advisory_locks
from tests.surefoot.servers.matrix import ENSURE, KINDS, NEAR, UPGRADE, WORKS, Kind, school_on

ROWS = "select json_agg(u order by id)::text from (select id, email, first_name from users) u"
SHORT = frozenset({"pgbouncer, session", "pgbouncer, transaction"})
PAGE = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")


def each_kind() -> list[object]:
    return [
        pytest.param(
            name, id=name, marks=[*([kind.needs] if kind.needs else []), *([] if name in SHORT else [pytest.mark.long])]
        )
        for name, kind in KINDS.items()
    ]


def works(me: Database, project: Path) -> None:
    ourschool(me, "adopt", cwd=project)
    ourschool(me, "rehearse", NEAR, cwd=project)
    run = Run(me, "upgrade", NEAR, cwd=project)
    run.says("Running upgrade")
    run.kill()
    ourschool(me, *UPGRADE, cwd=project)
    assert me.value("select version_num from alembic_version") == NEAR
    assert advisory_locks(me) == []
    ourschool(me, "backup", cwd=project)
    rows = me.value(ROWS)
    me.execute("update users set first_name = 'somebody else'")
    ourschool(me, "restore", "latest", "--yes", "--disconnect", cwd=project)
    assert me.value(ROWS) == rows
    for _ in range(2):
        ourschool(me, *ENSURE, cwd=project)
    assert me.value("select version_num from alembic_version") == HEAD
    assert me.value(ROWS) == rows


def refuses(me: Database, project: Path, kind: Kind) -> None:
    for words in kind.first:
        ourschool(me, *words, cwd=project, env=dict(kind.env))
    for words in kind.refused:
        process = me.start(*words, program="ourschool", cwd=project, env=kind.env)
        said, _ = process.communicate(timeout=300)
        assert process.returncode in {3, 4}, (words, said)
        assert kind.outcome in " ".join(said.split()), (words, said)
        assert "Traceback" not in said


def waits(me: Database, project: Path, kind: Kind) -> None:
    """Each command says for what it waits, and ends when it is told to."""
    for words in kind.refused:
        run = Run(me, *words, program="ourschool", cwd=project)
        run.says(kind.outcome)
        run.process.send_signal(signal.SIGINT)
        said = run.ends(None)
        assert run.process.returncode in {0, 3, 4}, (words, said)
        assert "Traceback" not in said


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", each_kind())
def test_the_story(newest: Server, project: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "UTF8")  # for the statements of the test; commands do not get it
    kind = KINDS[name]
    with school_on(kind, newest, tmp_path) as me:
        if kind.outcome == WORKS:
            works(me, project)
        elif kind.waits:
            waits(me, project, kind)
        else:
            refuses(me, project, kind)


@pytest.mark.parametrize("name", KINDS)
def test_the_page_has_a_line_for_it(name: str) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]
    assert ("works" in line.split("|")[2]) == (KINDS[name].outcome == WORKS)
    assert KINDS[name].outcome in line
