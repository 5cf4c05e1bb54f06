"""A proof that holds is not tried again, unless something changed that it depends on: the file, or the models."""

from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.author.test_revision_commands import models
from tests.surefoot.online.harness import write

SAID = "Nothing has changed since these steps ran; they did not run again."
ADDS = 'if not op.restore_column("users", "house"):\n    op.add_column("users", sa.Column("house", sa.Text()))'
RETIRES = 'op.retire_column("users", "house")'
HOUSE = 'metadata.tables["users"].append_column(sa.Column("house", sa.Text()))'


@pytest.mark.promise("A2")
def test_it_is_tried_again_only_where_something_changed(scratch: Database, project: Path) -> None:
    write(project, "aaaa", HEAD, ADDS, RETIRES)
    (file,) = (project / "alembic" / "versions").glob("*aaaa*")
    file = file.rename(file.with_name("2099_01_01_0000-aaaa_of_a_test.py"))
    models(project, HOUSE)
    first = ourschool(scratch, "prove", "head", cwd=project)
    assert SAID not in first.stdout
    second = ourschool(scratch, "prove", "head", cwd=project)
    assert second.stdout.replace(f"{SAID}\n", "") == first.stdout
    assert SAID in second.stdout

    models(project, HOUSE, HOUSE.replace("house", "avatar"))
    changed = ourschool(scratch, "prove", "head", status=1, cwd=project).stdout
    assert SAID not in changed
    assert "  wrong no drift from the models (" in changed
    models(project, HOUSE)
    assert SAID in ourschool(scratch, "prove", "head", cwd=project).stdout

    file.write_text(file.read_text().replace(RETIRES, 'op.drop_column("users", "house")'))
    for _ in range(2):  # what does not hold is tried each time
        assert SAID not in ourschool(scratch, "prove", "head", status=1, cwd=project).stdout
