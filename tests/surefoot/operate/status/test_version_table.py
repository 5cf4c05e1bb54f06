"""`alembic_version` in states that no command of ours leaves: every command says so in a sentence, and what to do."""

import pytest

from tests.ourschool.history.schools import BASELINE, HEAD
from tests.support.databases import Database

COMMANDS = (
    ("ourschool", "upgrade", "--yes"),
    ("ourschool", "rollback", "-1", "--yes"),
    ("ourschool", "ensure"),
    ("ourschool", "rehearse"),
    ("alembic", "upgrade", "head"),
    ("alembic", "downgrade", "-1"),
)


def run(here: Database, *words: str) -> tuple[int, str]:
    process = here.start(*words[1:], program=words[0])
    said, _ = process.communicate(timeout=200)
    assert "Traceback" not in said, said
    return process.returncode, said


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_ancestor_beside_the_head_is_refused(at_head: Database, words: tuple[str, ...]) -> None:
    at_head.execute(f"insert into alembic_version values ('{BASELINE}')")
    status, said = run(at_head, *words)
    assert (status, f"a row too many: {BASELINE} comes before {HEAD}" in said) == (3, True), said
    assert f"delete from alembic_version where version_num = '{BASELINE}'" in said


def test_what_looks_says_so_too(at_head: Database) -> None:
    at_head.execute(f"insert into alembic_version values ('{BASELINE}')")
    status, said = run(at_head, "ourschool", "status")
    assert (status, "a row too many" in said) == (1, True), said
    assert run(at_head, "ourschool", "history")[0] == 0
    assert f"equals {HEAD}" in " ".join(run(at_head, "ourschool", "identify")[1].split())
    at_head.execute(f"delete from alembic_version where version_num = '{BASELINE}'")
    assert run(at_head, "ourschool", "status")[0] == 0


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_unknown_revision_beside_the_head_is_refused(at_head: Database, words: tuple[str, ...]) -> None:
    at_head.execute("insert into alembic_version values ('feedbeef1234')")
    status, said = run(at_head, *words)
    assert (status, "'feedbeef1234', which no file in" in said) == (3, True), said
