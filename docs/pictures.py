"""The entity diagrams as SVG, drawn by Graphviz; pydot writes what it reads.

They are kept beside the Mermaid text. Where they show what the models say, they stay as they are: another version of
Graphviz would only move the boxes. To have one drawn anew, delete it and run `make docs`.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape, unescape
from pathlib import Path

import pydot
import sqlalchemy as sa

from docs.relations import Relation, relations

INK, BAND, RULE = "#1b1f24", "#dde6f0", "#8c959f"
FONT = "Helvetica,Arial,sans-serif"
HUB = "users"
COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
TITLE = re.compile(r"<title>(.*?)</title>")
TEXT = re.compile(r"<text [^>]*>(.*?)</text>")


def part(name: str, tables: Iterable[sa.Table], types: dict[str, str]) -> pydot.Dot:
    """A graph of these tables with their columns, and of the tables of other parts that they point to.

    `types` has the type of each column by `table.column`.
    """
    graph = _graph(name)
    inside = {table.name: table for table in tables}
    keys = [each for each in relations() if each.child in inside]
    for table in inside.values():
        graph.add_node(pydot.Node(table.name, label=f"<{''.join(_rows(table, types))}>", shape="plain"))
    for other in sorted({each.parent for each in keys} - set(inside)):
        graph.add_node(_box(other, "dashed"))
    for key in keys:
        start = {"tailport": f"{key.columns[0]}:e"} if len(key.columns) == 1 else {}
        graph.add_edge(_edge(key, start))
    return graph


def whole(name: str, parts: dict[str, list[sa.Table]]) -> pydot.Dot:
    """A graph of all tables, each part in a frame that has its heading.

    Nearly every table points to HUB: its box says how often, for as many lines would hide all others.
    """
    graph = _graph(name)
    to_hub = Counter(key.child for key in relations() if key.parent == HUB)
    for number, (heading, tables) in enumerate(parts.items()):
        frame = pydot.Cluster(str(number), label=heading, style="rounded", color=RULE, fontname=FONT, fontsize="16")
        for table in tables:
            frame.add_node(_box(table.name, "filled", f"{to_hub[table.name]} to {HUB}" if to_hub[table.name] else ""))
        graph.add_subgraph(frame)  # type: ignore[arg-type]  # a Cluster is one, whatever its stub says
    for key in relations():
        if key.parent != HUB:
            graph.add_edge(_edge(key))
    return graph


def write(path: Path, graph: pydot.Dot) -> bool:
    """Draw the graph, unless the file shows it already; return whether it shows it now. That needs Graphviz."""
    if path.exists() and shown(path.read_text("utf-8")) == meant(graph):
        return True
    if shutil.which("dot") is None:
        return False
    path.parent.mkdir(exist_ok=True)
    drawn = COMMENT.sub("", graph.create(format="svg").decode("utf-8"))  # type: ignore[attr-defined]  # it returns bytes
    path.write_text(re.sub(r"<!DOCTYPE.*?>\s*", "", drawn, flags=re.DOTALL), "utf-8")
    return True


def meant(graph: pydot.Dot) -> set[str]:
    """What a picture of the graph has to say: its tables, columns with their types, foreign keys and headings."""
    graphs = [graph, *graph.get_subgraphs()]
    nodes = [node for each in graphs for node in each.get_nodes()]
    labels = " ".join(str(node.get("label") or "") for node in nodes)
    texts = {unescape(each) for each in re.findall(r">([^<>]*[^<>\s][^<>]*)<", labels)}
    names = {str(node.get_name()) for node in nodes}
    edges = {f"{each.get_source()}->{each.get_destination()}" for each in graph.get_edges()}
    headings = {str(each.get("label")).strip('"') for each in graph.get_subgraphs()}
    return texts | names | edges | headings


def shown(drawing: str) -> set[str]:
    """What an SVG by Graphviz says, by the titles and the texts in it."""
    titles = {unescape(each).replace('"', "").replace(":e->", "->") for each in TITLE.findall(drawing)}
    texts = {unescape(each).replace("\N{NO-BREAK SPACE}", " ") for each in TEXT.findall(drawing)}
    of_frames = {each for each in titles if each.startswith("cluster_")}
    return (titles | texts) - of_frames - set(TITLE.findall(drawing)[:1])


def _graph(name: str) -> pydot.Dot:
    return pydot.Dot(name, graph_type="digraph", rankdir="LR", bgcolor="white", nodesep="0.15", ranksep="0.9")


def _box(name: str, style: str, remark: str = "") -> pydot.Node:
    """A table without its columns, with a remark below its name."""
    label = f"<{_text(name, 12)}{f'<br/>{_text(remark, 9)}' if remark else ''}>"
    return pydot.Node(name, label=label, shape="box", style=style, color=RULE, fillcolor=BAND, height="0.3")


def _edge(key: Relation, start: dict[str, str] | None = None) -> pydot.Edge:
    """The line from a table to the one that it points to: a crow's foot for many, a ring for none."""
    edge = pydot.Edge(
        key.child, key.parent, dir="both", color=RULE, arrowsize="0.7",
        arrowtail="teeodot" if key.single else "crowodot", arrowhead="teeodot" if key.optional else "teetee",
    )  # fmt: skip
    for name, value in (start or {}).items():
        edge.set(name, value)
    return edge


def _rows(table: sa.Table, types: dict[str, str]) -> Iterator[str]:
    yield f'<table border="0" cellborder="1" cellspacing="0" cellpadding="3" color="{RULE}">'
    yield f'<tr><td colspan="3" bgcolor="{BAND}">{_text(table.name, 13)}</td></tr>'
    for column in table.columns:
        key = " ".join(word for word, is_so in (("PK", column.primary_key), ("FK", column.foreign_keys)) if is_so)
        null = " null" if column.nullable else ""
        cells = (column.name, types[f"{table.name}.{column.name}"] + null, key)
        yield "<tr>"
        for cell, sides in zip(cells, ("LB", "B", "BR"), strict=True):
            port = f' port="{column.name}"' if "R" in sides else ""
            yield f'<td align="left" sides="{sides}"{port}>{_text(cell, 11) if cell else ""}</td>'
        yield "</tr>"
    yield "</table>"


def _text(words: str, points: int) -> str:
    return f'<font face="{FONT}" point-size="{points}" color="{INK}">{escape(words)}</font>'
