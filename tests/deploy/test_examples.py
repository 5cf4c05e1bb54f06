"""The files of deploy/ are what their readers take them for, and name only commands that exist."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.test_docs import BLOCKS, PAGES, shell
from tests.support.commands import exists
from tests.support.databases import ROOT, Database
from tests.surefoot.commands.revisions import HEAD

DEPLOY = ROOT / "deploy"
YAML = sorted([*DEPLOY.glob("*.yml"), *DEPLOY.glob("*.yaml")])
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SHEBANG = re.compile(rb"#!\s*/(usr/)?bin/(env )?(ba|da)?sh\b")
TYPED = re.compile(r"""-m (?P<program>ourschool|alembic) (?P<rest>(?:[^\n&|;>#)`'"]|'[^'\n]*'|"[^"\n]*")*)""")
"""A command as the text and the examples write it: python -m ourschool backup list …"""


def tracked() -> Iterator[Path]:
    """The files of the project, without what .gitignore names."""
    folders = ["alembic", "deploy", "docs", "src", "tests", "benchmarks", ".ci", ".github"]
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in folders:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def test_every_shell_script_passes_shellcheck() -> None:
    scripts = sorted(path for path in tracked() if SHEBANG.match(path.read_bytes()[:40]))
    assert {"start", "run"} <= {path.name for path in scripts}
    done = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", "--severity=style", *scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert [path for path in scripts if not path.stat().st_mode & stat.S_IXUSR] == []


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_is_read(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


TYPED_IN = [
    *sorted(DEPLOY.iterdir()),
    *(
        page for page in PAGES if page.name != "reference.md"
    ),  # written from the commands, with the forms that they take
]


@pytest.mark.parametrize("path", TYPED_IN, ids=lambda path: path.name)
def test_only_commands_that_exist_are_named(path: Path) -> None:
    for match in TYPED.finditer(path.read_text("utf-8").replace("\\\n", " ")):
        assert exists(match["program"], match["rest"]), match[0]


def test_a_command_that_does_not_exist_is_found() -> None:
    assert exists("ourschool", "backup prune --keep 3")
    assert exists("ourschool", "rollback -1 --yes")
    for wrong in ("backups", "backup shrink", "backup prune --kept 3", "upgrade --jes"):
        assert not exists("ourschool", wrong), wrong
    assert not exists("alembic", "upgrad head")


def run_steps() -> list[str]:
    """What deploy/ci.yml runs between the installation and the tests."""
    jobs = yaml.safe_load((DEPLOY / "ci.yml").read_text("utf-8"))["jobs"]
    steps = [step for step in jobs["database"]["steps"] if "run" in step]
    assert [steps[0]["name"], steps[-1]["name"]] == ["Install", "Tests"]
    return [step["run"] for step in steps[1:-1]]


@pytest.mark.promise("T10")
def test_the_steps_of_ci_are_those_of_the_text_whose_test_runs_them() -> None:
    (block,) = [script for state, script in (case.values for case in BLOCKS) if state == "empty"]
    in_the_text = [line.partition("  #")[0].strip() for line in str(block).splitlines()]
    assert ["set -eu", *(line for step in run_steps() for line in step.strip().splitlines())] == in_the_text


@pytest.mark.promise("T10", "C7")
def test_the_first_step_of_ci_stops_at_two_heads(scratch: Database, project: Path) -> None:
    for name in ("fees", "exams"):
        scratch.alembic("revision", "-m", f"start the {name}", "--head", HEAD, "--splice", cwd=project)
    done = github(scratch, run_steps()[0], project)
    assert done.returncode == 1
    assert "2 heads" in done.stdout


def github(database: Database, step: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a step as GitHub does: bash -e."""
    return subprocess.run(
        ["bash", "-e", "-c", step], cwd=folder, env=shell(database), capture_output=True, text=True, check=False
    )


def values(path: Path, key: str) -> list[str]:
    """What a unit file gives to that key, which may stand there several times."""
    return [line.partition("=")[2] for line in path.read_text("utf-8").splitlines() if line.startswith(f"{key}=")]


@pytest.mark.promise("E11")
def test_the_backup_service_backs_up_and_prunes(at_head: Database, tmp_path: Path) -> None:
    for name in ("backup", "verify", "backup"):
        service = DEPLOY / f"ourschool-{name}.service"
        for line in values(service, "ExecStart"):
            command = shlex.split(line.replace("/srv/ourschool/.venv/bin/python", shlex.quote(sys.executable)))
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=at_head.environment({"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}),
                umask=int(values(service, "UMask")[0], 8),
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    made = list((tmp_path / "backups").iterdir())
    assert len(made) == 2
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, f"{path} is for its owner alone"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_units(path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    for each in UNITS:  # a timer is looked at together with its service
        text = each.read_text("utf-8").replace("/srv/ourschool/.venv/bin/python", sys.executable)
        (tmp_path / each.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / path.name)],
        capture_output=True, text=True, check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:/lib/systemd/system"},
    )  # fmt: skip
    about_ours = [line for line in done.stderr.splitlines() if "ourschool-" in line]
    assert (about_ours, done.returncode) == ([], 0), done.stderr


def test_every_service_gives_up_what_it_does_not_need() -> None:
    for path in DEPLOY.glob("*.service"):
        asked = [values(path, key) for key in ("User", "NoNewPrivileges", "ProtectSystem", "UMask")]
        assert asked == [["ourschool"], ["yes"], ["strict"], ["0077"]]
        assert values(path, "EnvironmentFile") == ["/etc/ourschool.env"]
        assert not any("DATABASE_URL" in each for each in values(path, "Environment")), "everybody may read a unit"
        assert path.with_suffix(".timer").exists()


def test_the_image_runs_as_nobody_in_particular_and_copies_no_secret() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    sources = [shlex.split(line)[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    copied = {source for line in sources for source in line}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_carries_client_programs_that_the_servers_of_the_examples_do_not_outdate() -> None:
    """pg_dump refuses a server newer than itself; the wheel's cannot use TLS."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    (client,) = (int(each) for each in re.findall(r"^ARG CLIENT=(\d+)$", text, re.MULTILINE))
    assert '"postgresql-client-$CLIENT"' in text
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    render = yaml.safe_load((DEPLOY / "render.yaml").read_text("utf-8"))
    servers = [
        compose["services"]["database"]["image"].partition(":")[2],
        render["databases"][0]["postgresMajorVersion"],
    ]
    assert all(int(server) <= client for server in servers)
    for name in ("render.yaml", "ourschool-backup.service"):
        assert f"apt install postgresql-client-{client}" in (DEPLOY / name).read_text("utf-8")


def test_the_composition_starts_the_server_after_the_database_is_well() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert "healthcheck" in services["database"]
    for name in ("school", "backup"):
        assert services[name]["depends_on"] == {"database": {"condition": "service_healthy"}}
        words = [*services[name].get("entrypoint", []), *services[name]["command"]]
        assert name == "school" or exists("ourschool", shlex.join(words[words.index("ourschool") + 1 :]))
        assert "${POSTGRES_PASSWORD:?" in services[name]["environment"]["DATABASE_URL"], "no default for a password"


def test_render_starts_through_the_start_script() -> None:
    told = yaml.safe_load((DEPLOY / "render.yaml").read_text("utf-8"))
    (database,), (web,) = told["databases"], told["services"]
    assert web["startCommand"].startswith("deploy/start ")
    (url,) = (each for each in web["envVars"] if each["key"] == "DATABASE_URL")
    assert url["fromDatabase"] == {"name": database["name"], "property": "connectionString"}
