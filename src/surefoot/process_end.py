"""What a process that is over need not do any more."""

import atexit
import gc


def end_quickly() -> None:
    """Let this process, when it ends, not look for garbage among the objects of every library that it has loaded.

    Python would go through all of them several times, which takes as long as loading a library. What is registered
    with `atexit` and what has no cycle is ended as ever. For a program's own process alone: in an application an object
    in a cycle may wait for that.
    """
    atexit.register(gc.freeze)
