"""The pictures in a page, as SVG: bars along a time, and marks along a calendar.

svg.py writes them. What a bar is called stands beside it in HTML: SVG does not wrap text, and lengths in percent let a
bar be as wide as its page while letters stay as large as they are.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import svg
from markupsafe import Markup, escape

LANE = 12
"""Pixels of one bar with its distance to the next."""
NARROWEST = 0.5
"""Percent of the width: what took no time worth mentioning is still seen."""


@dataclass(frozen=True)
class Bar:
    """A bar from `start`, `length` long. `kind` is its class in page.css, `label` is shown by a pointer above it."""

    start: float
    length: float
    kind: str
    label: str = ""


def bars(lanes: Sequence[Sequence[Bar]], whole: float) -> Markup:
    """Draw the bars of each lane, one lane below the other, on a track that is `whole` long; short ones lie on top."""
    elements: list[svg.Element] = [
        svg.Rect(x=0, y=0, width=_percent(100), height=LANE * len(lanes) - 2, rx=2, class_=["track"])
    ]
    for number, lane in enumerate(lanes):
        elements += [_bar(bar, LANE * number + 1, whole) for bar in sorted(lane, key=lambda each: -each.length)]
    return _drawn(LANE * len(lanes), elements)


def _bar(bar: Bar, top: int, whole: float) -> svg.Rect:
    width = min(max(_share(bar.length, whole), NARROWEST), 100)
    start = min(_share(bar.start, whole), 100 - width)
    title: list[svg.Element] = [svg.Title(text=str(escape(bar.label)))] if bar.label else []
    return svg.Rect(
        x=_percent(start), y=top, width=_percent(width), height=LANE - 4, class_=[bar.kind], elements=title
    )  # fmt: skip


def key(kind: str) -> Markup:
    """Draw one bar for the key of a picture."""
    return _drawn(LANE, [svg.Rect(x=1, y=2, width=_percent(94), height=LANE - 4, class_=[kind])])


def shared() -> Markup:
    """Return the hatching that bars refer to; it has to stand once in a page that has bars."""
    hatching = svg.Pattern(
        id="hatched", patternUnits="userSpaceOnUse", width=6, height=6, patternTransform=[svg.Rotate(45)],
        elements=[svg.Line(x1=0, y1=0, x2=0, y2=6, class_=["hatch"])],
    )  # fmt: skip
    return _drawn(0, [svg.Defs(elements=[hatching])], "shared")


@dataclass(frozen=True)
class Mark:
    """Something that happened: `kind` is done, failed or anything else, `label` is shown by a pointer above it."""

    when: dt.datetime
    kind: str
    label: str


def calendar(marks: Sequence[Mark]) -> Markup:
    """Draw marks along the days from the first to the last: a disc for done, a cross for failed, else a ring."""
    first, last = min(each.when for each in marks), max(each.when for each in marks)
    whole = (last - first).total_seconds()
    line = svg.Line(x1=0, x2=_percent(100), y1=14, y2=14, class_=["axis"])
    found: list[svg.Element] = [line]
    for each in marks:
        at = 1 + 0.98 * _share((each.when - first).total_seconds(), whole) if whole else 50
        found.append(svg.SVG(x=_percent(at), y=14, overflow="visible", elements=_mark(each)))
    found += _dates(first, last)
    return _drawn(48, found)


def _mark(mark: Mark) -> list[svg.Element]:
    title = svg.Title(text=str(escape(mark.label)))
    if mark.kind == "failed":
        return [svg.Path(d=[svg.M(-6, -6), svg.L(6, 6), svg.M(6, -6), svg.L(-6, 6)], class_=["failed-mark"],
                         elements=[title])]  # fmt: skip
    name = "done-mark" if mark.kind == "done" else "open-mark"
    return [svg.Circle(cx=0, cy=0, r=5, class_=[name], elements=[title])]


def _dates(first: dt.datetime, last: dt.datetime) -> Iterable[svg.Element]:
    form = "%Y-%m-%d" if last.date() != first.date() else "%Y-%m-%d %H:%M"
    yield svg.Text(x=0, y=42, text=f"{first:{form}}")
    if f"{last:{form}}" != f"{first:{form}}":
        yield svg.Text(x=_percent(100), y=42, text_anchor="end", text=f"{last:{form}}")


def _share(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0


def _percent(number: float) -> svg.Length:
    return svg.Length(round(number, 2), "%")


def _drawn(height: int, elements: list[svg.Element], kind: str | None = None) -> Markup:
    """Return the drawing for HTML. It is hidden from screen readers: the same stands beside it in words."""
    drawing = svg.SVG(height=height, elements=elements, class_=[kind] if kind else None, extra={"aria-hidden": "true"})
    return Markup(drawing.as_str())  # noqa: S704  # numbers, our own words, and labels that are escaped
