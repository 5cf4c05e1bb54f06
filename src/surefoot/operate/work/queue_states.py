"""Pauses and continues what is in the queue."""

from collections.abc import Callable

from sqlalchemy.engine import URL

from surefoot.errors import UsageError
from surefoot.program import program
from surefoot.readonly import read_connection
from surefoot.runtime import work_queue


def change_state(url: URL, name: str, *, paused: bool, say: Callable[[str], None]) -> None:
    """Pause the entries called `name`, or queue them again. Raises UsageError where there is none that could be."""
    fitting = work_queue.TO_DO if paused else (work_queue.PAUSED, work_queue.FAILED)
    with read_connection(url, f"{program()} work") as connection:
        queue = [each for each in work_queue.read(connection) if each.name == name]
        changed = [each for each in queue if each.state in fitting]
        if not changed:
            states = f"it is {queue[0].state}" if queue else "there is none of that name"
            raise UsageError(
                f"Nothing in the queue called {name!r} can be {'paused' if paused else 'continued'}: {states}.",
                f"python -m {program()} status lists the queue.",
            )
        for each in changed:
            state = work_queue.PAUSED if paused else work_queue.QUEUED
            again = {"passes": 0} if each.state == work_queue.FAILED else {}
            work_queue.update(connection, each.id, state=state, error=None, **again)
            say(f"{each.name} of {each.revision} is {state}.")
        connection.commit()
