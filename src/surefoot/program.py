"""How sentences call the project that runs: `python -m ourschool status`, `OURSCHOOL_LOCK_DEADLINE`.

A sentence is put together deep inside the engine, where nothing is known of a project; only what people type depends on
it. So the words stand here, once for the process, and decide nothing else.
"""

import logging

from surefoot.project import Project

_spoken = {"program": "surefoot", "prefix": "SUREFOOT_", "versions": "alembic/versions", "guide": ""}


def set_project(project: Project) -> None:
    """Let the sentences from here on name the program, the variables, the folder and the guide of `project`.

    What the engine logs goes through the project's logger: an application that listens to `ourschool` hears it.
    """
    logging.getLogger("surefoot").parent = logging.getLogger(project.name)
    _spoken.update(
        program=project.name, prefix=project.prefix, versions=f"{project.scripts}/versions", guide=project.guide
    )


def program() -> str:
    """The program's name as it is typed: `ourschool`."""
    return _spoken["program"]


def variable(name: str) -> str:
    """The environment variable of the setting `name`: `OURSCHOOL_LOCK_DEADLINE` for `LOCK_DEADLINE`."""
    return _spoken["prefix"] + name


def versions() -> str:
    """The folder of the revisions as it is written: `alembic/versions`."""
    return _spoken["versions"]


def guide(chapter: str, then: str = "") -> str:
    """Where to read more, to be put behind a sentence; empty where the project has no guide."""
    return f" {_spoken['guide']}, '{chapter}'{then}." if _spoken["guide"] else ""


def extra(name: str) -> str:
    """What to install for a part of the engine that is missing: `'ourschool[embedded]'`."""
    return f"'{_spoken['program']}[{name}]'"
