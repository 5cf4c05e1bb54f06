"""What a stranger can be that has a name which a revision makes."""

from collections.abc import Callable, Iterator

from surefoot.catalogue.revision_names import Name

Make = Callable[[Name], str]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


RELATIONS: dict[str, Make] = {
    "table": lambda name: f"create table {quoted(name.name)} (id serial primary key, foo text)",
    "view": lambda name: f"create view {quoted(name.name)} as select 1 as foo",
    "materialized view": lambda name: f"create materialized view {quoted(name.name)} as select 1 as foo",
    "foreign table": lambda name: f"create foreign table {quoted(name.name)} (foo text) server elsewhere",
    "partitioned table": lambda name: f"create table {quoted(name.name)} (foo int) partition by list (foo)",
    "sequence": lambda name: f"create sequence {quoted(name.name)}",
    "composite type": lambda name: f"create type {quoted(name.name)} as (foo text)",
    "index": lambda name: f"create index {quoted(name.name)} on users (first_name, last_name)",
    "constraint of another table": lambda name: (
        f"alter table subjects add constraint {quoted(name.name)} unique (id, name)"
    ),
}
TYPES: dict[str, Make] = {
    "type": lambda name: f"create type {quoted(name.name)} as enum ('foo')",
    "domain": lambda name: f"create domain {quoted(name.name)} as text",
    "range type": lambda name: f"create type {quoted(name.name)} as range (subtype = numeric)",
}
ELSEWHERE = ("create foreign data wrapper nothing", "create server elsewhere foreign data wrapper nothing")


def hanging(name: Name) -> str:
    """One of the kind that is wanted, with another definition."""
    table = quoted(name.on)
    match name.kind:
        case "column":
            return f"alter table {table} add column {quoted(name.name)} xml"
        case "constraint":
            return f"alter table {table} add constraint {quoted(name.name)} check (id is not null)"
        case "trigger":
            return (
                f"create trigger {quoted(name.name)} before update on {table} for each row "
                "execute function suppress_redundant_updates_trigger()"
            )
        case _:
            if name.name.endswith("()"):
                return f"create function {name.name} returns trigger language plpgsql as 'begin return null; end'"
            return f"create function {name.name} returns integer language sql as 'select 1'"


def strangers(name: Name) -> Iterator[tuple[str, str]]:
    """What may have the name: what it is, and the statement that makes it."""
    if name.kind in {"column", "constraint", "trigger", "function"}:
        yield name.kind, hanging(name)
        return
    yield from ((kind, make(name)) for kind, make in RELATIONS.items())
    if name.kind == "table":
        yield from ((kind, make(name)) for kind, make in TYPES.items())
