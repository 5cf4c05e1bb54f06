"""The answer of `surefoot status`: the state in one word, the one thing to do next, and the error of a state not good.

The error is made of the same state, so that the exit status and its sentence never contradict the first line.
"""

import shlex
from dataclasses import dataclass

from surefoot.errors import CheckFailed
from surefoot.operate.status.collect import State, Status
from surefoot.operate.status.health import RETIRED
from surefoot.program import alembic_command, program
from surefoot.runtime import work_queue
from surefoot.wording import counted

NOTHING = "nothing to do"
QUIET = frozenset({RETIRED, "replication"})
"""The kinds of findings that ask for nothing by themselves."""


@dataclass(frozen=True)
class Answer:
    """What somebody wants to know first: the state, as a `word` and a sentence, and the `next` thing to do.

    `next` is a command that can be pasted, or a sentence where no single command does it.
    """

    word: str
    sentence: str
    next: str


def answer(result: Status) -> Answer:
    """Return the answer for a database whose status is `result`."""
    if result.cut_off is not None:
        cut = result.cut_off
        return Answer("Migrating" if cut.running else "Unfinished", cut.message, cut.remedy)
    if not result.is_current:
        fault, word = failure_of(result), _word(result)
        sentence = f"{counted(len(result.pending), 'revision')} to apply." if word == "Behind" else fault.message
        return Answer(word, sentence, _next(result) or fault.remedy)
    if result.newer is not None:
        return Answer("Newer", "This version can work with what the database has in addition.", NOTHING)
    sentence = "The database is at the newest revision."
    if result.drift.not_compared:
        sentence += " Whether it is what its revision makes could not be looked at."
    return Answer("Current", sentence, _next_when_current(result))


def failure_of(result: Status) -> CheckFailed:
    """Return the error by which a database that is not current ends the command, with what to do."""
    if result.cut_off is not None:
        return CheckFailed(result.cut_off.message, result.cut_off.remedy)
    known = result.redundant or (result.newer.refusal() if result.newer is not None else None)
    if known is not None:
        return CheckFailed(known.message, known.remedy)
    if result.state is not State.CURRENT:
        message, remedy = _remedies()[result.state]
        if result.hidden is not None:
            return CheckFailed(f"{message}. {result.hidden.message}", f"{result.hidden.remedy} Then: {remedy}")
        drifted = ", and is not what its revision makes" if result.drift.difference else ""
        if drifted:
            remedy = f"{_ours('identify')} first: an upgrade builds on what the database is. Then: {remedy}"
        return CheckFailed(f"{message}{drifted}.", remedy)
    if result.hidden is not None:
        return CheckFailed(
            f"The database has drifted from revision {result.revision[0]}. {result.hidden.message}",
            result.hidden.remedy,
        )
    return CheckFailed(
        f"The database has drifted from revision {result.revision[0]}.",
        f"{_repair(result)} writes what makes up for it.",
    )


def _remedies() -> dict[State, tuple[str, str]]:
    return {
        State.BEHIND: ("The database is behind", f"{_ours('rehearse')} tries it on a copy; upgrade does it."),
        State.EMPTY: ("The database is empty", f"{alembic_command()} upgrade head builds it."),
        State.UNVERSIONED: ("The database has tables and no revision", f"Back up, then {_ours('adopt')}."),
        State.UNKNOWN: (
            "The database is at a revision that no file has",
            f"Install the version of {program()} that has it; {_ours('identify')} tells which revision it equals.",
        ),
    }


def _word(result: Status) -> str:
    if result.drift.difference and result.state in {State.CURRENT, State.BEHIND}:
        return "Drifted"
    return str(result.state).capitalize()


def _next(result: Status) -> str | None:
    """Return the command for a state that one command leads out of; None where a sentence has to say it."""
    if result.hidden is not None or result.redundant is not None or result.newer is not None:
        return None
    if result.drift.difference:
        return _repair(result) if result.state is State.CURRENT else _ours("identify")
    if result.state is State.BEHIND:
        is_rehearsed = result.rehearsal is None and all(each.rehearsed for each in result.pending)
        return _ours("upgrade" if is_rehearsed else "rehearse")
    commands = {State.EMPTY: f"{alembic_command()} upgrade head", State.UNVERSIONED: _ours("adopt")}
    return commands.get(result.state, _ours("identify"))


def _next_when_current(result: Status) -> str:
    if result.worker is None and any(each.state in work_queue.TO_DO for each in result.queue):
        return _ours("work")
    findings = [each for each in result.health if each.kind not in QUIET]
    return f"see to {counted(len(findings), 'finding')} under Health" if findings else NOTHING


def _ours(command: str) -> str:
    return f"python -m {program()} {command}"


def _repair(result: Status) -> str:
    return _ours(f"adopt {shlex.quote(result.revision[0])} --repair repair.sql")
