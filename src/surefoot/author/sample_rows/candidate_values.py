"""Candidate values for a column: ordinary ones, and those that a conversion or a rule is likely to refuse."""

import re
from decimal import Decimal

from surefoot.author.sample_rows.table_shape import Column, Rule

LONG = "lang " * 500
TEXTS = ("", "a", "A", "O'Brien", 'Zoë "Q" 学生 %s :x \\n', " both ends ", "0", "NULL", LONG)
PATTERNS = ("#1a2b3c", "#FFFFFF", "2025-2026", "1999-2000", "a@example.org", "A@EXAMPLE.ORG", "https://example.org/x",
            "{}", "[1, \"2\"]", "12:30", "2026-05-08", "7", "abc_1", "AB-12", "1.5", "true")  # fmt: skip
"""Texts that match common patterns in CHECK constraints."""
INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
BY_TYPE = {
    "bool": ("true", "false"),
    "date": ("2026-05-08", "0001-01-01", "9999-12-31", "2024-02-29", "2025-08-15"),
    "time": ("12:30", "00:00", "23:59:59.999999", "08:15"),
    "timetz": ("12:30+00", "23:59:59.999999-11"),
    "timestamp": ("2026-05-08 12:00", "0001-01-01 00:00", "9999-12-31 23:59:59.999999", "2026-03-08 02:30"),
    "timestamptz": ("2026-05-08 12:00+00", "0001-01-02 00:00+00", "9999-12-30 23:59:59.999999+00",
                    "2026-11-01 06:30+00", "2025-08-15 07:00+05:45"),
    "interval": ("00:00", "1 month -1 day 00:00:01", "-178000 years", "90 minutes"),
    "json": ("{}", "[]", "null", '{"a": 1, "a": 2}', '"Zoë"', "1e400"),
    "jsonb": ("{}", "[]", "null", '{"a": {"b": [1, null]}}', '"Zoë"', "0.10"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
             "1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
    "bytea": ("\\x", "\\x00ff", "\\x5c"),
    "inet": ("127.0.0.1", "::1/64", "10.0.0.0/8"),
    "cidr": ("10.0.0.0/8", "::/0"),
    "float4": ("0", "-0", "1.5", "1e-30", "3.4e38", "0.1"),
    "float8": ("0", "-0", "1.5", "1e-300", "1.7976931348623157e308", "0.1"),
    "bit": ("0", "1"),
    "varbit": ("", "101"),
    "name": ("a", "Zoë"),
    "\"char\"": ("a",),
}  # fmt: skip
"""Literals by name of the type, for `cast(… as type)`."""


def of(column: Column, rules: list[Rule], *, mild: bool) -> list[str | None]:
    """Return the values to try as literals, the likeliest to be accepted first. `mild` leaves out the extremes."""
    values: list[str | None] = []
    if column.array:
        values += [f"{{{column.labels[0]}}}" if column.labels else "{}", "{}", *([] if mild else ["{NULL}"])]
    elif column.labels:
        values += column.labels
    elif column.type in {"text", "varchar", "bpchar"}:
        values += _texts(column, rules, mild)
    elif column.type in INTEGERS or column.type == "numeric":
        values += _numbers(column, rules, mild)
    else:
        values += BY_TYPE.get(column.type, ())
        values += [word for rule in rules for word in rule.words]
    return list(dict.fromkeys(values if column.not_null else [*values, None]))


def distinct(column: Column, value: str | None, nth: int) -> str | None:
    """Return the value made unique by the number `nth`; unchanged where its type allows no such change."""
    if value is None or column.labels or column.array:
        return value
    if column.type in {"text", "varchar", "bpchar"}:
        return _distinct_text(value, nth, _size(column))
    if column.type in INTEGERS or column.type in {"numeric", "float4", "float8"}:
        return str(nth)
    return {
        "uuid": f"00000000-0000-4000-8000-{nth:012x}",
        "json": f'{{"n": {nth}}}',
        "jsonb": f'{{"n": {nth}}}',
        **dict.fromkeys(
            ("date", "timestamp", "timestamptz"), f"{2001 + nth // 336}-{nth // 28 % 12 + 1}-{nth % 28 + 1}"
        ),
    }.get(column.type, value)


def _distinct_text(value: str, nth: int, size: int) -> str:
    if "@" in value:
        return f"n{nth}{value}"[: size or None]
    mark = str(nth)
    return value[: max(size - len(mark), 0)] + mark if size else value + mark


def _texts(column: Column, rules: list[Rule], mild: bool) -> list[str]:
    words = [word for rule in rules for word in rule.words]
    size = _size(column)
    values = [*words, *(PATTERNS[:3] if mild and not rules else PATTERNS if rules else ()), *TEXTS]
    if size:
        values += ["学" * size, "y" * size]
    fitting = [each for each in values if not size or len(each) <= size]
    return [each for each in fitting if each != LONG] if mild else fitting


def _numbers(column: Column, rules: list[Rule], mild: bool) -> list[str]:
    known = [number for rule in rules for number in rule.numbers]
    values = [*known, "1", "0", "2", "7", "10"]
    if column.type in INTEGERS:
        bits = INTEGERS[column.type]
        values = [each for each in values if "." not in each]
        return values if mild else [*values, "-1", str(2**bits - 1), str(-(2**bits))]
    found = re.search(r"\((\d+),(\d+)\)", column.printed)
    if found:
        whole, scale = int(found[1]) - int(found[2]), int(found[2])
        most = Decimal(10) ** whole - Decimal(1).scaleb(-scale)
        extremes = [str(most), str(-most), str(Decimal(1).scaleb(-scale))]
        values = [each for each in values if abs(Decimal(each)) <= most]
    else:
        extremes = ["-1", "0.10", "99999999999999999999.000000000000000001"]
    return values if mild else [*values, *extremes]


def _size(column: Column) -> int:
    found = re.search(r"\((\d+)\)", column.printed)
    return int(found[1]) if found and column.type in {"varchar", "bpchar"} else 0
