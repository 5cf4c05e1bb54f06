"""A call that a copy of this process makes, while this process does something else.

Alembic knows one running migration a process. Two that run at once are in two processes, and a copy of this one has
loaded everything already.
"""

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Self, TypeVar

Result = TypeVar("Result")

POSSIBLE = sys.platform == "linux"
"""Whether calls are made by a copy: on other systems a library may not work in one."""


class ForkedCall(Generic[Result]):
    """The call has begun; where this system cannot do that, or the call fails, it has no result.

    It is for what may as well be called once more, here, where that is so. Nothing that it was given is closed at its
    end: what the caller has opened stays open.
    """

    def __init__(self, call: Callable[[], Result]) -> None:
        self._pid: int | None = None
        if not POSSIBLE:
            return
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # what is not written yet would be written twice
                stream.flush()
        reading, writing = os.pipe()
        with warnings.catch_warnings():  # Python warns of threads; those that there are have done their work, and wait
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _answer(call, writing)
        os.close(writing)
        self._reading = reading

    def result(self) -> Result | None:
        """Wait for the end of the call, and return its result; None where it failed or was not made."""
        if self._pid is None:
            return None
        try:
            with os.fdopen(self._reading, "rb") as answer:
                said = answer.read()
        finally:
            self._end()
        return pickle.loads(said) if said else None  # noqa: S301  # it is our own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the end of the call, so that nothing of it is left; one that was interrupted is interrupted, too."""
        if self._pid is not None and kind is not None and issubclass(kind, KeyboardInterrupt):
            os.kill(self._pid, signal.SIGINT)
        self.result()

    def _end(self) -> None:
        assert self._pid is not None
        pid, self._pid = self._pid, None
        with suppress(ChildProcessError):  # whoever ignores SIGCHLD has no ended processes
            os.waitpid(pid, 0)


def _answer(call: Callable[[], object], writing: int) -> None:
    """Write the result of the call, if it has one, and end this process without anything that was left to its end."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        said = pickle.dumps(call(), pickle.HIGHEST_PROTOCOL)
        with os.fdopen(writing, "wb") as answer:
            answer.write(said)
        status = 0
    except BaseException:  # noqa: S110  # the caller makes the call once more, and sees it then
        pass
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
