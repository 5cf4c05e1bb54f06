"""What a catalogue takes away from code that was written for an earlier one: nothing, where it only adds.

Code of the version before reads and writes what it knows. New tables, new columns that need no value, indexes and
functions do not concern it. Everything else counts, even where it is likely to do no harm: whoever starts an older
application on a newer database relies on it.
"""

import re
from collections.abc import Iterator, Mapping

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Deviation, Kind
from surefoot.catalogue.model import Catalogue, Domain, EnumType, Function, Sequence
from surefoot.catalogue.names_before import as_before
from surefoot.catalogue.relations import Column, Constraint, Index, Relation, Statistics

LONGEST = 60
"""Characters of a value that a sentence shows."""
NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
FOREIGN_KEY = re.compile(
    rf"FOREIGN KEY \((?P<columns>{NAME}(?:, {NAME})*)\) REFERENCES (?P<table>{NAME}(?:\.{NAME})?)\("
)
LETS_GO = re.compile(r" ON DELETE (?:CASCADE|SET NULL|SET DEFAULT)")
"""In a foreign key: rows of the table that it references can still be deleted."""


def narrowings(before: Catalogue, after: Catalogue) -> tuple[str, ...]:
    """Return what `after` takes away from code that was written for `before`: a phrase for each, as in a list.

    Another name for a table or column is none of it while the old one is alive.
    """
    after = as_before(before, after)
    tables = {relation.name: relation for relation in before.tables}
    deviations = compare(before, after).deviations
    gone = {each.what for each in deviations if each.kind is Kind.MISSING}
    return (
        *(_phrase(each) for each in deviations if not _only_adds(each, before, after)),
        *_held_rows(tables, after),
        *(lost for on, lost in _lost_rights(before, after) if on not in gone),
    )


def _only_adds(deviation: Deviation, before: Catalogue, after: Catalogue) -> bool:
    if deviation.kind is Kind.UNEXPECTED:
        return _is_harmless(deviation.sides.found, deviation.sides.table, before, after)
    gains_default = deviation.attribute == "default" and deviation.expected is None
    validated = deviation.attribute == "valid" and deviation.found == "valid"
    return deviation.attribute == "comment" or gains_default or validated


def _is_harmless(new: object, on: str | None, before: Catalogue, after: Catalogue) -> bool:
    """Return whether an object that is new does not concern older code; `on` is the table of a part of one."""
    table = next((each for each in before.tables if each.name == on), None)
    match new:
        case Relation():
            return new.partition_bound is None and not new.inherits
        case Function():  # another one of the name may make its calls ambiguous
            return new.name.partition("(")[0] not in {each.name.partition("(")[0] for each in before.functions}
        case Index():
            return not new.definition.startswith("CREATE UNIQUE")
        case Column():
            return table is not None and _needs_no_value(new, after)
        case Constraint():
            return table is not None and _is_of_new_columns(new, table, after)
        case _:
            return isinstance(new, EnumType | Domain | Sequence | Statistics)


def _needs_no_value(column: Column, after: Catalogue) -> bool:
    """Return whether a row that says nothing of the column is accepted."""
    domain = next((each for each in after.domains if each.name == column.type.strip('"')), None)
    if column.default is not None or column.identity is not None or column.generated is not None:
        return True
    return column.nullable and (domain is None or (domain.nullability == "null" and not domain.checks))


def _is_of_new_columns(constraint: Constraint, table: Relation, after: Catalogue) -> bool:
    """Return whether it is a foreign key of columns that are new and NULL in each row of older code."""
    match = FOREIGN_KEY.match(constraint.definition)
    if match is None:
        return False
    now = next(each for each in after.tables if each.name == table.name)
    empty = {each.name for each in now.columns if each.nullable and each.default is None and each.generated is None}
    columns = {_unquoted(each) for each in re.findall(NAME, match["columns"])}
    return columns <= empty - {each.name for each in table.columns}


def _held_rows(known: Mapping[str, Relation], after: Catalogue) -> Iterator[str]:
    """Yield each new foreign key by which rows of a table that was there cannot be deleted any more."""
    for relation in after.tables:
        had = {each.name for each in known[relation.name].constraints} if relation.name in known else set()
        for constraint in relation.constraints:
            match = FOREIGN_KEY.match(constraint.definition)
            if match is None or constraint.name in had or LETS_GO.search(constraint.definition):
                continue
            table = _unquoted(match["table"])
            if table in known:
                yield f"rows of {table} cannot be deleted while {relation.name} has them ({constraint.name})"


def _lost_rights(before: Catalogue, after: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield each right that somebody had and has not: the object, and a phrase."""
    present = {(each.on, each.grantee, each.privilege) for each in after.grants}
    for grant in sorted(before.grants):
        if (grant.on, grant.grantee, grant.privilege) not in present:
            yield grant.on, f"{grant.grantee} has no {grant.privilege} on {grant.on} any more"


def _phrase(deviation: Deviation) -> str:
    if deviation.kind is Kind.MISSING:
        return f"{deviation.what} is gone"
    if deviation.kind is Kind.UNEXPECTED:
        return f"{deviation.what} is new"
    was, now = (" ".join((text or "none").split()) for text in (deviation.expected, deviation.found))
    if max(len(was), len(now)) > LONGEST:
        return f"{deviation.what} has another {deviation.attribute}"
    return f"{deviation.what} is {now}, and was {was}"


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
