"""What the process of a program need not do: it is over soon, and so is its garbage."""

import atexit
import gc


def end_quickly() -> None:
    """Let this process, when it ends, not look for garbage among the objects of every library that it has loaded.

    Python would go through all of them several times, which takes as long as loading a library. What is registered
    with `atexit` and what has no cycle is ended as ever. For a program's own process alone: in an application an object
    in a cycle may wait for that.
    """
    atexit.register(gc.freeze)


def collect_seldom() -> None:
    """Let this process look for garbage after so many new objects as it makes while it loads its libraries.

    Python looks after each 700, and finds nothing: that is a tenth of what a short command costs. For a program's own
    process alone.
    """
    gc.set_threshold(50_000, *gc.get_threshold()[1:])
