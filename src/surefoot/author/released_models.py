"""The committed list of what the models of the last release map: an application of that release needs all of it."""

from surefoot.settings import Settings

NAME = "released_models.txt"
HEADER = """\
# The tables that the models of the last release map, each with its columns. An application of that release may run
# beside a later one: what is listed is dropped only after a release without it. `check --release` writes this file.
"""


def listed(settings: Settings) -> dict[str, frozenset[str]]:
    """Return the columns of each listed table; empty where there is no list, for then nobody knows."""
    file = settings.project.script_folder / NAME
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    tables = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {table: frozenset(columns) for table, *columns in tables}


def write(settings: Settings) -> None:
    """Write the list from the models as they are."""
    tables = settings.project.load_metadata().tables.values()
    lines = sorted(" ".join([table.fullname, *(column.name for column in table.columns)]) for table in tables)
    (settings.project.script_folder / NAME).write_text(HEADER + "\n".join(lines) + "\n", "utf-8")
