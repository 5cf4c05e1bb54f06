"""`ourschool backup` and `ourschool restore` as typed: text, JSON, exit statuses, help."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from surefoot.operate.backup import Backup, manifest
from tests.ourschool.history.schools import HEAD
from tests.support.databases import Database
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.operate.backup.schools import databases_like, ourschool


@pytest.mark.promise("A9", "E11")
def test_the_emergency_sequence(school: Database, project: Path) -> None:
    made = Path(ourschool(school, project, "backup").stdout.strip())
    assert made.parent == project / "backups"
    proven = " ".join(ourschool(school, project, "backup", "verify").stdout.split())
    assert re.fullmatch(rf"{made.name}: restores to [\d,]+ rows in \d+ tables, equal to its manifest\.", proven)
    school.execute("delete from attendance_records")
    said = " ".join(ourschool(school, project, "restore", "latest", "--yes").stdout.split())
    assert f"{school.url.database} holds {made.name} now" in said
    assert f"at revision {HEAD}." in said
    assert school.value("select count(*) > 0 from attendance_records")
    old = databases_like(school)[1]
    assert f"ourschool restore --drop-old {old}" in said
    assert old in ourschool(school, project, "restore", "--old").stdout
    (told,) = json.loads(ourschool(school, project, "restore", "--old", "--json").stdout)
    assert (told["name"], told["kind"]) == (old, "before")
    ourschool(school, project, "restore", "--drop-old", old, "--yes")
    assert databases_like(school) == [school.url.database]
    assert "Nothing to do" in school.alembic("upgrade", "head", cwd=project).stderr


def test_the_list(school: Database, project: Path, made: Backup) -> None:
    (made.path.parent / "damaged").mkdir()
    (made.path.parent / "x.partial").mkdir()
    said = ourschool(school, project, "backup", "list", status=1).stdout
    head, row, partial, damaged = said.splitlines()
    assert head.split() == ["backup", "revision", "rows", "size", "age", "before"]
    assert row.split()[:3] == [made.name, HEAD, f"{made.manifest.total_rows:,}"]
    assert max(map(len, (head, row))) <= 80
    assert partial.startswith("not finished: x.partial")
    assert damaged.startswith("damaged: ")
    told = json.loads(ourschool(school, project, "backup", "list", "--json", status=1).stdout)
    assert told["backups"][0]["name"] == made.name
    assert told["backups"][0]["reason"] == "by hand"
    assert told["backups"][0]["fingerprint"] == made.manifest.fingerprint
    assert [each["name"] for each in told["damaged"]] == ["damaged"]


def test_prune_says_what_it_keeps_against_the_rule(school: Database, project: Path, made: Backup) -> None:
    before = replace(made.manifest, reason=manifest.Reason("upgrade", HEAD))
    (made.path / manifest.NAME).write_text(manifest.text_of(before))
    newer = Path(ourschool(school, project, "backup").stdout.strip())
    for words in (("--dry-run",), ()):
        said = ourschool(school, project, "backup", "prune", "--keep", "1", *words).stdout
        assert f"kept {made.name}: the last one before an upgrade to {HEAD}; --force deletes it, too\n" in said
        assert said.endswith(f"2 kept, 0 {'to delete' if words else 'deleted'}.\n")
    ourschool(school, project, "backup", "prune", "--keep", "1", "--force")
    assert [path.name for path in newer.parent.iterdir() if path.is_dir()] == [newer.name]


def test_nobody_is_there_to_answer(school: Database, project: Path, made: Backup) -> None:
    said = complaint(ourschool(school, project, "restore", made.name, status=3))
    assert said == "Cancelled. Nothing was changed.\n→ Answer y to go on, or give --yes in a script."
    assert databases_like(school) == [school.url.database]


def test_refusals_have_their_status(school: Database, project: Path, made: Backup) -> None:
    complaint(ourschool(school, project, "restore", "nothing", "--yes", status=2))
    complaint(ourschool(school, project, "restore", status=2))
    complaint(ourschool(school, project, "backup", "prune", status=2))
    with school.connect():
        complaint(ourschool(school, project, "restore", made.name, "--yes", status=3))
    path = next(path for path in made.dump.iterdir() if path.name != "toc.dat")
    path.write_bytes(b"")
    complaint(ourschool(school, project, "restore", made.name, "--yes", status=3))
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    complaint(ourschool(school, project, "backup", env=nowhere, status=4))


def test_another_folder(school: Database, project: Path, tmp_path: Path) -> None:
    made = ourschool(school, project, "backup", "--json", env={"OURSCHOOL_BACKUPS": str(tmp_path / "elsewhere")})
    told = json.loads(made.stdout)
    assert Path(told["path"]).parent == tmp_path / "elsewhere"
    assert not (project / "backups").exists()
    pruned = ourschool(
        school, project, "backup", "prune", "--keep", "1", env={"OURSCHOOL_BACKUPS": str(tmp_path / "elsewhere")}
    )
    assert pruned.stdout == "1 kept, 0 deleted.\n"
