"""What lint keeps between two calls, templates in the server and findings in the cache, and when it believes them."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg import sql

import surefoot
from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author import kept_templates
from surefoot.author.kept_templates import KeptTemplates
from surefoot.author.lint.linted_history import lint
from surefoot.environment import alembic_api
from surefoot.errors import FailedError
from tests.support.databases import Database
from tests.surefoot.author.lint.chain import Chain, Step, write
from tests.surefoot.faults.runs import until

DROPS = 'op.drop_column("{t}", "b")'
ADDS = 'op.execute("alter table {t} add b text")'
WAITS = 'import time\nfrom pathlib import Path\nwhile Path("waits").exists():\n    time.sleep(0.05)'


def kept(database: Database) -> set[object]:
    query = "select datname from pg_database where starts_with(datname, 'surefoot_kept_')"
    return {name for (name,) in database.rows(query)}


def scratches(database: Database) -> list[object]:
    return [
        name for (name,) in database.rows("select datname from pg_database where datname ~ '^ourschool_(lint|temp)'")
    ]


@pytest.fixture(autouse=True)
def no_template_of_others(scratch: Database) -> Iterator[None]:
    """Let each test see its own templates alone, and drop them."""
    before = kept(scratch)
    yield
    for name in kept(scratch) - before:
        scratch.execute(sql.SQL("drop database {}").format(sql.Identifier(str(name))).as_string())


@contextmanager
def templates_of(project: Path, database: Database) -> Iterator[KeptTemplates]:
    loaded = settings.load(PROJECT.at(project), environ={})
    with KeptTemplates(loaded, database.url, alembic_api.script(loaded)) as templates:
        yield templates


def of_three(project: Path) -> Chain:
    return write(project, [Step("first", "pass"), Step("bad", DROPS, ADDS), Step("worse", DROPS, ADDS)])


def command(database: Database, project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ourschool", "lint", *arguments], cwd=project, env=database.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_second_lint_clones_what_the_first_has_made(scratch: Database, project: Path) -> None:
    chain, before = of_three(project), kept(scratch)
    first = chain.lint(scratch, "bad")
    made = kept(scratch) - before
    assert len(made) == 2  # one without rows, and one with
    assert chain.lint(scratch, "bad") == first
    assert [each.rule for each in first.findings] == ["loses-data"]
    assert kept(scratch) - before == made
    assert scratches(scratch) == []


def test_another_file_before_makes_another_template_and_one_after_does_not(scratch: Database, project: Path) -> None:
    chain, before = of_three(project), kept(scratch)
    chain.lint(scratch, "bad")
    made = kept(scratch) - before
    for name, more in (("worse", 0), ("bad", 0), ("first", 2)):
        file = chain.files[name]
        file.write_text(f"{file.read_text()}\n# another file\n")
        chain.lint(scratch, "bad")
        assert len(kept(scratch) - before - made) == more, name


def test_another_code_of_the_sample_rows_makes_another_template(
    scratch: Database, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_three(project)
    package = Path(surefoot.__file__).parent
    shutil.copytree(package, tmp_path / "surefoot", ignore=shutil.ignore_patterns("__pycache__"))
    names = []
    with templates_of(project, scratch) as templates:
        for text in ("", "# another value\n"):
            with (tmp_path / "surefoot" / "author" / "sample_rows" / "candidate_values.py").open("a") as file:
                file.write(text)
            monkeypatch.setattr(surefoot, "__file__", str(tmp_path / "surefoot" / "__init__.py"))
            kept_templates._code.cache_clear()  # it reads the files once a process
            names.append(templates.name(["000000000000"], seeded=True))
    kept_templates._code.cache_clear()
    assert len(set(names)) == 2


def test_two_at_once_make_one_template(scratch: Database, project: Path) -> None:
    chain, before = of_three(project), kept(scratch)
    both = [command(scratch, project, chain.revision(name)) for name in ("bad", "bad")]
    told = [each.communicate()[0] for each in both]
    assert [each.returncode for each in both] == [1, 1]
    assert told[0] == told[1]
    assert "loses-data" in told[0]
    assert len(kept(scratch) - before) == 2
    assert scratches(scratch) == []


def test_whose_role_does_not_let_it_wait_makes_its_own(
    scratch: Database, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both make it, and the second finds the name taken."""
    of_three(project)
    with templates_of(project, scratch) as templates:
        name = templates.name(["000000000000"], seeded=False)
        fault = sa.text("select 1 / 0 where :name <> ''")
        monkeypatch.setattr(kept_templates, "LOCK", fault)
        keep = kept_templates._keep

        def keep_second(*given: Any) -> None:
            comment = f"comment on database {name} is '{kept_templates.MARK}{{\"filled\": []}}'"
            scratch.execute(f"create database {name}", comment)
            keep(*given)

        monkeypatch.setattr(kept_templates, "_keep", keep_second)
        with templates.clone(["000000000000"], purpose="lint", seeded=False) as clone:
            assert clone.filled == frozenset()
    assert scratches(scratch) == []


def test_what_is_killed_in_the_making_is_no_template(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("slow", WAITS), Step("bad", DROPS, ADDS)])
    before = kept(scratch)
    (project / "waits").touch()
    killed = command(scratch, project, chain.revision("bad"))
    until(lambda: scratches(scratch) != [], "it makes its template")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (project / "waits").unlink()
    assert kept(scratch) == before
    assert [each.rule for each in chain.lint(scratch, "bad").findings] == ["loses-data"]

    def gone() -> bool:
        chain.lint(scratch, "bad")
        return scratches(scratch) == []

    until(gone, "what was left goes, once the server has seen that its client has gone")


def test_there_are_never_more_than_a_few(scratch: Database, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that another command drops while one is about to clone it is made again."""
    monkeypatch.setattr(kept_templates, "PREFIX", f"surefoot_kept_{time.time_ns() % 10**8}_")
    monkeypatch.setattr(kept_templates, "KEPT", 2)
    of_three(project)
    with templates_of(project, scratch) as templates:
        ids = [f"{number:012d}" for number in range(4)]
        for number in range(1, 4):
            with templates.clone(ids[:number], purpose="lint", seeded=False):
                pass
        named = [name for name in kept(scratch) if str(name).startswith(kept_templates.PREFIX)]
        assert sorted(map(str, named)) == sorted(templates.name(ids[:number], seeded=False) for number in (2, 3))

        found = templates._find_or_make  # between this and the clone the other command drops it
        times: list[str] = []

        def dropped(name: str, *rest: object, **options: bool) -> frozenset[str]:
            filled = found(name, *rest, **options)  # type: ignore[arg-type]  # handed on as they came
            if not times:
                times.append(name)
                scratch.execute(f"drop database {name}")
            return filled

        monkeypatch.setattr(templates, "_find_or_make", dropped)
        with templates.clone(ids[:2], purpose="lint", seeded=False) as clone:
            assert clone.filled == frozenset()
        assert times


def test_one_of_another_version_or_owner_is_another(
    scratch: Database, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_three(project)
    with templates_of(project, scratch) as templates:
        here = templates.name([], seeded=True)
        for made_by in ("PostgreSQL 15.1 on x86 postgres", "PostgreSQL 18.1 on x86 author"):
            place = templates._place
            other = type(place)(place.server, place.surroundings, place.version, made_by, place.state)
            with monkeypatch.context() as patched:
                patched.setattr(templates, "_place", other)
                assert templates.name([], seeded=True) != here


def test_a_role_that_may_not_create_databases_lints_on_an_embedded_server(scratch: Database, project: Path) -> None:
    chain, before = of_three(project), kept(scratch)
    role = f"r_{scratch.url.database}"
    scratch.execute(f"create role {role} login password 'geheim'")
    try:
        url = scratch.server.over_tcp(role, "geheim", str(scratch.url.database))
        report = lint(settings.load(PROJECT.at(project), environ={}), url, [chain.revision("bad")])
    finally:
        scratch.execute(f"drop role {role}")
    assert [each.rule for each in report.findings] == ["loses-data"]
    assert kept(scratch) == before


def test_a_revision_runs_again_only_where_something_changed(scratch: Database, project: Path) -> None:
    """The file of the revision is broken without a change that its text shows: whoever ran it again would see it."""
    reads = 'import os\nif os.environ.get("BROKEN"):\n    raise RuntimeError("it ran")'
    chain = write(project, [Step("first", "pass"), Step("bad", DROPS, ADDS), Step("reads", reads)])
    loaded = settings.load(PROJECT.at(project), environ={})

    def linted(name: str) -> list[str]:
        report = lint(loaded, scratch.url, [chain.revision(name)], known=True)
        return [each.rule for each in report.findings]

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BROKEN", "")
        first = linted("bad")
        assert first == ["loses-data"]
        assert linted("reads") == ["schema-branches-on-environment"]
        runs: list[str] = []
        find = kept_templates.KeptTemplates.clone

        def noted(self: KeptTemplates, *arguments: object, **options: object) -> object:
            runs.append("clone")
            return find(self, *arguments, **options)  # type: ignore[arg-type]  # handed on as they came

        patched.setattr(kept_templates.KeptTemplates, "clone", noted)
        assert linted("bad") == first
        assert runs == []  # nothing ran
        patched.setenv("BROKEN", "yes")
        with pytest.raises(FailedError, match="it ran"):
            linted("reads")
        runs.clear()
        file = chain.files["bad"]
        file.write_text(
            file.read_text().replace("    op.drop_column(", "    # lint: loses-data tried\n    op.drop_column(")
        )
        assert linted("bad") == []
        assert runs != []
