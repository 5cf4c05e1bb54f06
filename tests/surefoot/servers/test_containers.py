"""In containers, over TCP and with a password, as a school's server is reached: the same roads, the same head."""

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.ourschool.history.schools import (
    BASELINE,
    CHAIN,
    HEAD,
    STEADY,
    at,
    catalogue,
    counted,
    journal,
    make_existing,
)
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server, programs
from tests.support.tls import needs_tls, tls_only
from tests.surefoot.faults.runs import Run, advisory_locks, until
from tests.surefoot.operate.backup.schools import forget_aside

PASSWORD = "p%40:/#?w'd\u00fc"
EIGHT = 8


def missing(image: str) -> str | None:
    """Why there can be no container of that image; None where there can."""
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "no Docker engine answers"
    if answer.returncode != 0:
        return "no Docker engine answers"
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=20, check=False)
    return None if found.returncode == 0 else f"the image {image} is not there"


@pytest.fixture(scope="module", params=[15, 18], ids=["postgres:15", "postgres:18"])
def container(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in a container, with a port of its own on loopback."""
    image = f"postgres:{request.param}"
    reason = missing(image)
    if reason:
        pytest.skip(reason)
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its helper image is one more to have
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415  # asks for an engine at import

    with PostgresContainer(image, username="school", password=PASSWORD, dbname="school", driver=None) as started:
        host, port = started.get_container_host_ip(), int(started.get_exposed_port(5432))
        url = URL.create("postgresql+psycopg", "school", PASSWORD, host, port, "postgres")
        binaries = programs(18)
        assert binaries is not None
        yield Server(request.param, binaries, url, port)


@pytest.fixture
def database(container: Server) -> Iterator[Database]:
    with fresh(container) as made:
        yield made


@pytest.mark.promise("O5", "O8", "C6")
def test_the_existing_and_the_empty_database_come_out_equal(database: Database) -> None:
    assert str(database.value("show server_version")).startswith(str(database.server.major))
    make_existing(database, stamped=False)
    rows = counted(database, STEADY)
    said = database.alembic("stamp", BASELINE).stderr + database.alembic("upgrade", "head").stderr
    assert PASSWORD not in said
    assert counted(database, STEADY) == rows
    with fresh(database.server) as empty:
        empty.alembic("upgrade", "head")
        assert catalogue(database) == catalogue(empty)


def test_eight_at_once(database: Database) -> None:
    make_existing(database)
    runs = [Run(database, "upgrade", "head") for _ in range(EIGHT)]
    said = [run.ends(0) for run in runs]
    assert sum("Running " in each for each in said) == 1
    assert journal(database) == [("stamp", BASELINE)] + [("upgrade", revision) for revision in CHAIN[1:]]
    assert (at(database), advisory_locks(database)) == ([HEAD], [])


@pytest.mark.promise("O5")
def test_a_wrong_password_is_one_sentence(database: Database) -> None:
    wrong = database.url.set(password="not-it").render_as_string(hide_password=False)
    done = database.alembic("-x", f"database_url={wrong}", "current", status=4)
    assert "rejected the user 'school' or its password" in done.stderr
    assert "not-it" not in done.stderr


CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
BASE = re.findall(r"^ARG BASE=(.+)$", CONTAINERFILE, re.MULTILINE)[0]
SERVER = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(42))
print(os.getpid(), os.getuid(), flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """The image of deploy/Containerfile, on its own base or on one that this machine has in its place.

    Its client programs come from a place on the net; OURSCHOOL_TEST_CLIENT says of which version they are to be.
    """
    base = os.environ.get("OURSCHOOL_TEST_BASE", BASE)
    reason = missing(base)
    if reason:
        pytest.skip(reason)
    name = f"ourschool-test-{uuid.uuid4().hex[:8]}"
    client = os.environ.get("OURSCHOOL_TEST_CLIENT", "")
    clients = [] if base == BASE and not client else ["--build-arg", f"CLIENT={client}"]
    docker(
        "build",
        "--quiet",
        "--network=host",
        "--file",
        "deploy/Containerfile",
        "--build-arg",
        f"BASE={base}",
        *clients,
        "--tag",
        name,
        ".",
    )
    yield name
    docker("image", "rm", "--force", name)


def docker(*words: str, status: int = 0, url: str = "") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        ["docker", *words], cwd=ROOT, env=os.environ | {"DATABASE_URL": url, "DOCKER_BUILDKIT": "0"},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done


RUN = ("run", "--rm", "--network=host", "--env=DATABASE_URL")


@pytest.mark.promise("E7")
def test_the_image_migrates_and_then_is_the_server_as_a_user_of_its_own(image: str, database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    name = f"school-{uuid.uuid4().hex[:8]}"
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--network=host",
        "--env=DATABASE_URL",
        image,
        "python",
        "-c",
        SERVER,
        url=url,
    )
    try:
        until(lambda: docker("logs", name).stdout, "the server in the container")
        assert docker("logs", name).stdout == "1 10001\n", "process 1, so that a stop reaches it"
        assert at(database) == [HEAD]
        docker("stop", name)
        assert docker("inspect", "--format={{.State.ExitCode}}", name).stdout == "42\n"
        assert PASSWORD not in docker("logs", name).stderr
    finally:
        docker("rm", "--force", name)


@pytest.mark.promise("E7", "E11")
def test_the_image_backs_up_and_starts_nothing_without_a_database(image: str, database: Database) -> None:
    database.alembic("upgrade", "head")
    url = database.url.render_as_string(hide_password=False)
    made = docker(*RUN, "--entrypoint=python", image, "-m", "ourschool", "backup", url=url)
    assert made.stdout.startswith(f"/backups/{database.url.database}-")
    gone = "postgresql://school:hunter2@127.0.0.1:1/school"
    failed = docker(*RUN, image, "python", "-c", SERVER, url=gone, status=4)
    assert failed.stdout == ""
    assert "No PostgreSQL answers" in failed.stderr
    assert "hunter2" not in failed.stderr


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Database]:
    """A school at its first revision, behind hostssl alone, as one sees it who has to show a password."""
    with tls_only(tmp_path) as (server, _), fresh(server) as made:
        name = str(made.url.database)
        with server.connect() as admin:
            admin.execute("create role school login createdb password 'geheim'")
            admin.execute(f"alter database {name} owner to school")
        school = replace(made, url=server.over_tcp("school", "geheim", name))
        school.alembic("upgrade", BASELINE)
        yield school
        forget_aside(made)


@needs_tls
@pytest.mark.promise("E7", "E11")
def test_the_programs_of_the_image_speak_tls(image: str, tls: Database) -> None:
    """Those of the wheel cannot: the image carries PostgreSQL's own, and the commands choose them."""
    look = docker("run", "--rm", "--entrypoint=sh", image, "-c", "ls /usr/lib/postgresql/*/bin/pg_dump || true")
    if not look.stdout:
        pytest.skip("the image was built without client programs")
    url, name = tls.url.render_as_string(hide_password=False), f"ourschool-test-{uuid.uuid4().hex[:8]}"
    docker("volume", "create", name)
    here = (*RUN, f"--volume={name}:/backups", "--entrypoint=python", image, "-m", "ourschool")
    try:
        said = docker(*here, "psql", "-Atc", "select ssl from pg_stat_ssl where pid = pg_backend_pid()", url=url)
        assert said.stdout == "t\n"
        made = docker(*here, "backup", url=url)
        assert "not proven" not in made.stdout + made.stderr
        tls.execute("insert into subjects (name) values ('Art')")
        docker(*here, "restore", "latest", "--yes", "--disconnect", url=url)
        assert tls.value("select count(*) from subjects") == 0
    finally:
        docker("volume", "rm", "--force", name)
