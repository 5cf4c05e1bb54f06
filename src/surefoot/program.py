"""The names that messages use for the running project: `python -m ourschool status`, `OURSCHOOL_LOCK_DEADLINE`.

Messages are composed deep inside the engine, in functions that have no project at hand. So the names are kept here,
once for the process. Nothing but the wording of messages depends on them.
"""

import logging
import shlex
from pathlib import Path

from surefoot.project import Project

_elsewhere = dict[str, str]()
_guide = dict[str, str]()
_names = {
    "program": "surefoot",
    "prefix": "SUREFOOT_",
    "versions": "alembic/versions",
    "home": "",
    "installed": "",
}


def set_project(project: Project) -> None:
    """Use the program, the variables, the script folder and the guide of `project` in messages from now on.

    Also makes the project's logger the parent of `surefoot`, so that a handler on `ourschool` gets the engine's
    records.
    """
    logging.getLogger("surefoot").parent = logging.getLogger(project.name)
    _names.update(
        program=project.name,
        prefix=project.prefix,
        versions=f"{project.scripts}/versions",
        home=str(project.home.absolute()),
        installed="yes" if project.user_folder else "",
    )
    for kept, given in ((_elsewhere, project.elsewhere), (_guide, project.guide)):
        kept.clear()
        kept.update(given)


def program() -> str:
    """Return the name of the program as it is typed: `ourschool`."""
    return _names["program"]


def alembic_command() -> str:
    """Return how Alembic is typed where this process was started: `python -m alembic` beside its alembic.ini.

    Elsewhere with the path of that file; with an installed package, inside an application for instance, it is
    `python -m ourschool alembic`, which finds its revisions from anywhere.
    """
    if _names["installed"] or not _names["home"]:
        return f"python -m {program()} alembic"
    home, here = Path(_names["home"]), Path.cwd()
    if home == here:
        return "python -m alembic"
    ini = (home.relative_to(here) if home.is_relative_to(here) else home) / "alembic.ini"
    return f"python -m alembic -c {shlex.quote(str(ini))}"


def variable(name: str) -> str:
    """Return the environment variable of a setting: `OURSCHOOL_LOCK_DEADLINE` for `LOCK_DEADLINE`."""
    return _names["prefix"] + name


def versions() -> str:
    """Return the folder of the revisions as messages name it: `alembic/versions`."""
    return _names["versions"]


def elsewhere(revision: str) -> str | None:
    """Return what a revision of another project is, where this one knows it; None for others."""
    return _elsewhere.get(revision)


def guide(chapter: str, then: str = "") -> str:
    """Return a reference to a chapter of the guide, to append to a message; empty without a page of the project."""
    return f" {_guide[chapter]}, '{chapter}'{then}." if chapter in _guide else ""


def extra(name: str) -> str:
    """Return the requirement to install for an optional part of the engine: `'ourschool[embedded]'`."""
    return f"'{_names['program']}[{name}]'"
