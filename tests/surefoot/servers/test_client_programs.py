"""Programs connect as we do: over TLS where the connection is, with libpq's environment, by a service."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from ourschool.project import PROJECT
from surefoot import client_programs
from surefoot import database as ours
from surefoot.errors import UsageError
from surefoot.operate import change
from surefoot.operate.backup import backup, restore, verify
from surefoot.servers import libpq
from surefoot.settings import Settings
from tests.support.databases import Database, fresh
from tests.support.servers import PACKAGED, Server, programs
from tests.support.tls import needs_tls, tls_only
from tests.support.typed import ourschool
from tests.surefoot.operate.backup.schools import forget_aside

PASSWORD = "p% @:/#?ü&=+'\"\\$x{y}"
BARE = """
import sys
from pathlib import Path
from surefoot import client_programs
client_programs.DEBIAN_PROGRAMS = Path("/nonexistent")
from ourschool.cli import main
sys.exit(main())
"""
"""ourschool on a machine without the programs of PostgreSQL's own packages."""
BARE_PATH = str(Path(sys.executable).parent)


@dataclass(frozen=True)
class Tls:
    """A database behind hostssl, its superuser's and its role's way in, and the authority of the certificate."""

    admin: Database
    school: Database
    authority: Path

    def url(self, **query: str) -> URL:
        return self.school.url.set(host="localhost").update_query_dict(query)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    with tls_only(tmp_path_factory.mktemp("tls")) as started:
        with started[0].connect() as admin:
            admin.execute(f"create role school login createdb password '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
        yield started


@pytest.fixture
def tls(server: tuple[Server, Path]) -> Iterator[Tls]:
    with fresh(server[0]) as made:
        name = str(made.url.database)
        with server[0].connect() as admin:
            admin.execute(f"alter database {name} owner to school")
        school = replace(made, url=server[0].over_tcp("school", PASSWORD, name))
        school.execute("create table marks as select n as mark from generate_series(1, 100) n")
        yield Tls(made, school, server[1])
        forget_aside(made)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No programs but the wheel's, which are built without TLS."""
    monkeypatch.setattr(client_programs, "DEBIAN_PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", BARE_PATH)


def typed_bare(school: Database, url: URL, cwd: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments], cwd=cwd, input="",
        env=school.environment({"DATABASE_URL": url.render_as_string(False), "PATH": BARE_PATH, **env}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_program_tells_whether_it_has_tls() -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        carried = programs(18)
        assert carried is not None
        assert not client_programs.supports_tls(carried / name)
        for found in PACKAGED.glob(f"*/bin/{name}"):
            assert client_programs.supports_tls(found)
    assert not client_programs.supports_tls(Path("/nonexistent/psql"))


@needs_tls
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-full"])
def test_over_tls_only(mode: str, tls: Tls, tmp_path: Path) -> None:
    """The programs that can are chosen, whatever asks: the server alone, or the URL."""
    url = tls.url(sslmode=mode, **({"sslrootcert": str(tls.authority)} if mode == "verify-full" else {}))
    settings = Settings(PROJECT.at(tmp_path))
    made = backup(settings, url)
    assert made.manifest.not_proven is None
    tls.school.execute("delete from marks")
    restore(settings, url, made)
    assert tls.school.value("select count(*) from marks") == 100
    verify(url, made)
    done = ourschool(tls.school, "psql", "-Atc", "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
                     env={"DATABASE_URL": url.render_as_string(False)})  # fmt: skip
    assert done.stdout == "t\n"


@needs_tls
@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("backup",), "server"),
        (("backup",), "url"),
        (("backup",), "environment"),
        (("psql", "-c", "select 1"), "server"),
        (("pg_dump",), "environment"),
        (("rehearse", "--fresh"), "server"),
    ],
)
def test_where_no_program_can_it_is_said_first(
    arguments: tuple[str, ...], asked: str, tls: Tls, tmp_path: Path
) -> None:
    url = tls.url(sslmode="require") if asked == "url" else tls.url()
    env = {"PGSSLMODE": "require"} if asked == "environment" else {}
    if arguments[0] == "rehearse":
        tls.school.execute("drop table marks")
        tls.school.alembic("upgrade", "+1", env={"DATABASE_URL": url.render_as_string(False)})
    done = typed_bare(tls.school, url, tmp_path, *arguments, **env)
    assert done.returncode == 2, done.stderr
    said = " ".join(done.stderr.split())
    assert "The connection is over TLS, and no p" in said
    assert "(18, without TLS)" in said
    assert "apt install postgresql-client-" in said
    assert PASSWORD not in done.stderr
    assert not list(tmp_path.glob("backups/*/*"))


@needs_tls
@pytest.mark.usefixtures("bare")
def test_nobody_is_asked_for_what_no_backup_can_precede(tls: Tls, tmp_path: Path) -> None:
    url = tls.url()
    env = {"DATABASE_URL": url.render_as_string(False)}
    tls.school.execute("drop table marks")
    tls.school.alembic("upgrade", "+1", env=env)
    settings = Settings(PROJECT.at(tmp_path))
    for ask in (
        lambda: change.plan_upgrade(settings, url),
        lambda: change.rollback_cost(settings, url, "base"),
        lambda: backup(settings, url),
        lambda: client_programs.for_server("psql", url),
    ):
        with pytest.raises(UsageError, match="over TLS, and no"):
            ask()
    assert change.plan_upgrade(settings, url, with_backup=False).pending
    assert not settings.backup_folder.exists()


@needs_tls
def test_a_restore_without_such_a_program_goes_over_our_own_connection(
    tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup(Settings(PROJECT.at(tmp_path)), tls.url())
    monkeypatch.setattr(client_programs, "DEBIAN_PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", BARE_PATH)
    tls.school.execute("delete from marks")
    restore(Settings(PROJECT.at(tmp_path)), tls.url(sslmode="require"), made)
    assert tls.school.value("select count(*) from marks") == 100


@needs_tls
@pytest.mark.usefixtures("bare")
def test_where_nobody_asks_for_tls_a_program_without_will_do(
    tls: Tls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert tls.admin.server.data is not None
    rules = tls.admin.server.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(before.replace("hostssl", "host"))
    try:
        tls.admin.execute("select pg_reload_conf()")
        assert backup(Settings(PROJECT.at(tmp_path)), tls.url()).manifest.total_rows == 100
        assert "unencrypted" in caplog.text
        with pytest.raises(UsageError):
            backup(Settings(PROJECT.at(tmp_path)), tls.url(sslmode="require"))
        backup(Settings(PROJECT.at(tmp_path)), tls.url(sslmode="disable"))
    finally:
        rules.write_text(before)
        tls.admin.execute("select pg_reload_conf()")


@needs_tls
def test_the_certificate_is_verified_as_the_environment_says(tls: Tls, tmp_path: Path) -> None:
    """A dump over a connection that nobody verified would be a copy of every pupil's record for whoever listens."""
    right = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(tls.authority)}
    environment = {"DATABASE_URL": tls.url().render_as_string(False)}
    ourschool(tls.school, "backup", cwd=tmp_path, env=environment | right)
    env = dict(os.environ)
    try:
        os.environ.update(right)
        given = libpq.process_environment(tls.url())
        assert {name: given[name] for name in right} == right
        os.environ["PGSSLROOTCERT"] = str(tls.authority.with_name("server.crt"))
        wrong = libpq.process_environment(tls.url())
    finally:
        os.environ.clear()
        os.environ.update(env)
    (binary, *_) = PACKAGED.glob("*/bin/pg_dump")
    assert subprocess.run([binary, "--schema-only"], env=given, capture_output=True, check=False).returncode == 0
    refused = subprocess.run([binary, "--schema-only"], env=wrong, capture_output=True, text=True, check=False)
    assert "certificate verify failed" in refused.stderr


# --- libpq's environment, on any server


@pytest.fixture
def plain(newest: Server) -> Iterator[Database]:
    """A database whose owner has a password, over TCP."""
    with fresh(newest) as made:
        name = str(made.url.database)
        with newest.connect() as admin:
            admin.execute(f"create role p_{name} login createdb password 'p:\\ w'")
            admin.execute(f"alter database {name} owner to p_{name}")
        school = replace(made, url=newest.over_tcp(f"p_{name}", "p:\\ w", name))
        school.execute("create table marks as select 1 as mark")
        yield school
        forget_aside(school)
        with newest.connect() as admin:
            admin.execute(f"drop database {name} with (force)")
            admin.execute(f"drop role p_{name}")


def backed_up(school: Database, tmp_path: Path, env: dict[str, str]) -> None:
    """backup, its proof, restore, psql and pg_dump with that environment."""
    for arguments in (
        ("backup",),
        ("backup", "verify"),
        ("restore", "latest", "--yes"),
        ("psql", "-Atc", "select 1"),
        ("pg_dump", "--schema-only"),
    ):
        done = ourschool(school, *arguments, cwd=tmp_path, env=env)
        assert "Not proven" not in done.stderr


def test_a_passfile(plain: Database, tmp_path: Path) -> None:
    url = plain.url
    passfile = tmp_path / "pass"
    passfile.write_text(f"127.0.0.1:{url.port}:*:{url.username}:p\\:\\\\ w\n")
    passfile.chmod(stat.S_IRUSR | stat.S_IWUSR)
    without = url.set(password=None).render_as_string(False)
    backed_up(plain, tmp_path, {"DATABASE_URL": without, "PGPASSFILE": str(passfile)})


def test_the_rest_of_the_environment(plain: Database, tmp_path: Path) -> None:
    """What the URL leaves open is the environment's; what it says wins; PGOPTIONS is nobody's."""
    url = plain.url
    env = {
        "DATABASE_URL": f"postgresql:///{url.database}?user={url.username}",
        "PGHOST": "127.0.0.1", "PGPORT": str(url.port), "PGPASSWORD": "p:\\ w", "PGUSER": "nobody",
        "PGDATABASE": "none",
        "PGOPTIONS": "-c default_transaction_read_only=on -c search_path=nowhere",
    }  # fmt: skip
    backed_up(plain, tmp_path, env)


@pytest.mark.parametrize("how", ["url", "environment", "url over service"])
def test_a_service(how: str, plain: Database, tmp_path: Path) -> None:
    url = plain.url
    services = tmp_path / "services"
    named = "no_such_database" if how == "url over service" else url.database
    services.write_text(
        f"[school]\nhost=127.0.0.1\nport={url.port}\nuser={url.username}\npassword=p:\\ w\ndbname={named}\n"
    )
    given = {
        "url": {"DATABASE_URL": "postgresql:///?service=school"},
        "environment": {"DATABASE_URL": f"postgresql:///{url.database}", "PGSERVICE": "school"},
        "url over service": {"DATABASE_URL": f"postgresql:///{url.database}?service=school"},
    }[how]
    backed_up(plain, tmp_path, given | {"PGSERVICEFILE": str(services)})


def test_a_service_that_is_not_there(plain: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="service"):
        ours.parse("postgresql:///?service=school")
    done = ourschool(plain, "status", cwd=tmp_path, env={"DATABASE_URL": "postgresql:///?service=x"}, status=2)
    assert "names a service that libpq cannot read" in " ".join(done.stderr.split())


def test_without_a_service_it_still_names_no_database() -> None:
    with pytest.raises(UsageError, match="names no database"):
        ours.parse("postgresql://somebody@127.0.0.1")
