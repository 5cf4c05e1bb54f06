"""The parts that every page is made of: the frame, facts, lists, tables that become cards on a narrow screen.

htpy escapes every text, so that a name or a message of the database is shown as it is and nothing in it is run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import htpy as h
from markupsafe import Markup

DONE, FAILED, OPEN = Markup("&#10003;"), Markup("&#10007;"), Markup("&#9675;")  # check mark, cross, ring
"""What stands before a word that says how something ended, so that no colour is needed."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Whatever a page might hold, a browser runs no script in it and asks no other server for anything."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and what its cells are: text, "number", "short", "name" or "picture"."""

    heading: str
    kind: str = ""


def page(title: str, body: Iterable[h.Node], made: str) -> str:
    """Return a whole HTML page. `made` says at its foot which command wrote it, and when."""
    return str(
        h.html(lang="en")[
            h.head[
                h.meta(charset="utf-8"),
                h.meta(http_equiv="Content-Security-Policy", content=POLICY),
                h.meta(name="viewport", content="width=device-width, initial-scale=1"),
                h.meta(name="color-scheme", content="light dark"),
                h.meta(name="robots", content="noindex"),
                h.title[title],
                h.link(rel="icon", href="data:,"),
                h.style[_style()],
            ],
            h.body[h.main[h.h1[title], list(body)], h.footer[made]],
        ]
    )


@cache
def _style() -> Markup:
    return Markup(files(__package__).joinpath("page.css").read_text("utf-8"))  # noqa: S704  # our own file


def verdict(text: str, *, good: bool, remedy: str | None = None) -> h.Node:
    """Return the box at the top: whether all is well, in a word, a sign and a colour, and what to do."""
    word = [DONE, " Good."] if good else [FAILED, " Not good."]
    then = h.p["What to do: ", remedy] if remedy else None
    return h.div(f".verdict.{'good' if good else 'bad'}")[h.p[h.strong[word], text], then]


def outcome(word: str) -> h.Node:
    """Return how a step ended, `done`, `failed` or anything else, with a sign before it."""
    kind, sign = {"done": ("good", DONE), "failed": ("bad", FAILED)}.get(word, ("open", OPEN))
    return h.span(f".{kind}")[h.b[sign], " ", word]


def section(heading: str, *parts: h.Node) -> h.Node:
    """Return a section with its heading; nothing where every part is empty."""
    kept = [each for each in parts if each]
    return h.section[h.h2[heading], kept] if kept else None


def bullets(lines: Iterable[h.Node]) -> h.Node:
    """Return a list; nothing for no lines."""
    items = [h.li[each] for each in lines]
    return h.ul[items] if items else None


def facts(pairs: Iterable[tuple[str, h.Node]]) -> h.Node:
    """Return names with what they are."""
    return h.dl[((h.dt[name], h.dd[value]) for name, value in pairs)]


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[h.Node]]) -> h.Node:
    """Return a table; nothing for no rows. The roles are said, as a browser forgets them where rows become cards."""
    body = [
        h.tr(role="row")[
            (
                h.td(role="cell", class_=column.kind or None, data_label=column.heading)[h.div[cell] if cell else None]
                for column, cell in zip(columns, row, strict=True)
            )
        ]
        for row in rows
    ]
    if not body:
        return None
    head = (h.th(role="columnheader", scope="col", class_=each.kind or None)[each.heading] for each in columns)
    return h.table(role="table")[
        h.caption[caption], h.thead(role="rowgroup")[h.tr(role="row")[head]], h.tbody(role="rowgroup")[body]
    ]


def named(identifier: str, message: str | None) -> h.Node:
    """Return a revision: its id, and its message below."""
    return h.fragment[h.code[identifier], h.br, message or ""]
