"""How sentences call the project that runs: `python -m ourschool status`, `OURSCHOOL_LOCK_DEADLINE`.

A sentence is put together deep inside the engine, where nothing is known of a project; only what people type depends on
it. So the name stands here, once for the process, and decides nothing else.
"""

_spoken = {"program": "surefoot", "prefix": "SUREFOOT_"}


def speak_for(name: str, prefix: str) -> None:
    """Let the sentences from here on name `name` as the program and `prefix` before its environment variables."""
    _spoken.update(program=name, prefix=prefix)


def program() -> str:
    """The program's name as it is typed: `ourschool`."""
    return _spoken["program"]


def variable(name: str) -> str:
    """The environment variable of the setting `name`: `OURSCHOOL_LOCK_DEADLINE` for `LOCK_DEADLINE`."""
    return _spoken["prefix"] + name
