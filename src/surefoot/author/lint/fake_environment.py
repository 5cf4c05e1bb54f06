"""Other surroundings for a second run: what a revision asks of the machine it runs on is answered differently.

Only questions that a revision file asks itself are answered so; Alembic, SQLAlchemy and the engine see the truth.
"""

import getpass
import os
import platform
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine


class Answer(Enum):
    """What every environment variable is, as far as a revision can tell."""

    AS_IT_IS = "the environment as it is"
    EXPECTED = "every variable set to what the revision compares it with"
    ABSENT = "no variable set"
    OTHER = "every variable set to something else"


class Expected(str):
    """A text that equals whatever it is compared with: takes the branch that asks for 'production' unasked."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    def __ne__(self, other: object) -> bool:
        return not isinstance(other, str)

    def __hash__(self) -> int:
        return super().__hash__()

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str)

    def startswith(self, *_: Any) -> bool:
        """Whatever it is."""
        return True

    def endswith(self, *_: Any) -> bool:
        """Whatever it is."""
        return True

    def _itself(self, *_: Any) -> "Expected":
        return self

    lower = upper = strip = casefold = title = removeprefix = removesuffix = _itself


class Surroundings:
    """What to answer, and what was asked: `asked` has the variables that each revision file read."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: dict[Path, set[str]] = {}

    @contextmanager
    def around(self, versions: Path, engine: Engine) -> Iterator[None]:
        """Answer the questions of the files in `versions` while inside."""
        folder = versions.resolve()
        with ExitStack() as stack:
            environ = type(os.environ)
            stack.enter_context(_replaced(environ, "__getitem__", self._variables(folder, environ)))
            if self.answer is Answer.EXPECTED:
                for module, name in ((socket, "gethostname"), (platform, "node"), (getpass, "getuser")):
                    truth = getattr(module, name)
                    stack.enter_context(_replaced(module, name, _instead(truth, folder)))
                url = engine.url
                other = url.set(username=Expected("1"), host=Expected("1"), database=Expected("1"))
                stack.enter_context(_replaced(engine, "url", other))
            yield

    def _variables(self, folder: Path, environ: type[Any]) -> Callable[[Any, str], str]:
        truth: Callable[[Any, str], str] = environ.__getitem__

        def look_up(variables: Any, name: str) -> str:
            file = _asked_by(folder)
            if file is None:
                return truth(variables, name)
            self.asked.setdefault(file, set()).add(name)
            if self.answer is Answer.ABSENT:
                raise KeyError(name)
            if self.answer is Answer.EXPECTED:
                return Expected("1")
            return "2" if self.answer is Answer.OTHER else truth(variables, name)

        return look_up


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    truth = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, truth)


def _instead(truth: Callable[..., str], folder: Path) -> Callable[..., str]:
    return lambda *given: Expected("1") if _asked_by(folder) else truth(*given)


def _asked_by(folder: Path) -> Path | None:
    """The file in `folder` that asks, straight or through os.environ.get and os.getenv."""
    frame = sys._getframe(2)  # noqa: SLF001  # documented, and the one way to tell who asks
    while frame.f_back is not None:
        file = Path(frame.f_code.co_filename)
        if not (file.name in {"os.py", "_collections_abc.py"} or file.name.startswith("<frozen")):
            resolved = file.resolve()
            return resolved if resolved.parent == folder else None
        frame = frame.f_back
    return None
