"""What the tree of a statement says of it: the tables it changes, its actions, its lock, how it bounds its rows."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from surefoot.author.lint.syntax import Node, Parsed, nodes, range_name, strings, whole

ACCESS_EXCLUSIVE = 8
"""LockStmt's mode; ShareLock, which stops those who write, is 5."""
SHARE = 5
BRIEF = frozenset({
    "AT_AttachPartition", "AT_ClusterOn", "AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser", "AT_DropCluster",
    "AT_EnableTrig", "AT_EnableTrigAll", "AT_EnableTrigUser", "AT_ResetOptions", "AT_ResetRelOptions", "AT_SetOptions",
    "AT_SetRelOptions", "AT_SetStatistics", "AT_ValidateConstraint",
})  # fmt: skip
"""Actions of ALTER TABLE with a weaker lock than ACCESS EXCLUSIVE, beside a foreign key."""
CHANGES = ("UpdateStmt", "DeleteStmt", "MergeStmt", "InsertStmt")
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


@dataclass(frozen=True)
class Change:
    """A change of rows: `update`, `delete`, `merge` or `insert`, its table as written, its node."""

    verb: str
    table: str
    node: Node


def changes(parsed: Parsed) -> Iterator[Change]:
    """Yield each change of rows in a statement, inside a WITH too.

    INSERT … VALUES does not count, as it writes as many rows as it shows; with ON CONFLICT … UPDATE it does not either.
    """
    for kind, node in nodes(whole(parsed), *CHANGES):
        name = range_name(node.get("relation"))
        if name is None or (kind == "InsertStmt" and "valuesLists" in node.get("selectStmt", {}).get("SelectStmt", {})):
            continue
        if kind != "InsertStmt" or "selectStmt" in node:
            yield Change(kind.removesuffix("Stmt").lower(), name, node)


def deletes(parsed: Parsed) -> Iterator[str]:
    """Yield every table that the statement deletes rows from, by DELETE, MERGE or TRUNCATE."""
    for change in changes(parsed):
        merged = change.node.get("mergeWhenClauses", [])
        if change.verb == "delete" or any(each["MergeWhenClause"]["commandType"] == "CMD_DELETE" for each in merged):
            yield change.table
    if parsed.kind == "TruncateStmt":
        yield from targets(parsed)


def targets(parsed: Parsed) -> Iterator[str]:
    """Yield the tables that a statement changes or locks, or the indexes that it drops or rebuilds."""
    node = parsed.node
    if parsed.kind == "DropStmt":
        if node["removeType"] in {"OBJECT_TABLE", "OBJECT_INDEX", "OBJECT_VIEW", "OBJECT_MATVIEW"}:
            for each in node["objects"]:
                yield ".".join(strings(each["List"]["items"]))
    elif parsed.kind in {"TruncateStmt", "LockStmt"}:
        yield from (name for each in node["relations"] if (name := range_name(each.get("RangeVar"))))
    elif parsed.kind == "CreateTableAsStmt":
        yield from filter(None, [range_name(node["into"]["rel"])])
    elif name := range_name(node.get("relation")):
        yield name
    else:
        yield from (change.table for change in changes(parsed))


def target(parsed: Parsed) -> str | None:
    """Return the first of `targets`."""
    return next(targets(parsed), None)


def reads(parsed: Parsed) -> Iterator[str]:
    """Yield the tables that a statement selects from, joins or uses."""
    for key in ("fromClause", "usingClause", "sourceRelation"):
        for _, clause in nodes(whole(parsed), key):
            yield from (name for _, each in nodes(clause, "RangeVar") if (name := range_name(each)))


def actions(parsed: Parsed) -> Iterator[Node]:
    """Yield the actions of an ALTER TABLE: `alter table t add …, drop …` has two."""
    if parsed.kind == "AlterTableStmt" and parsed.node["objtype"] == "OBJECT_TABLE":
        for each in parsed.node["cmds"]:
            yield each["AlterTableCmd"]


def constraint_of(action: Node) -> Node:
    """Return the constraint that an action adds to the table; an empty node where it adds none."""
    return action["def"]["Constraint"] if action["subtype"] == "AT_AddConstraint" else {}


def locks(parsed: Parsed) -> Iterator[str]:
    """Yield the tables that the statement, by its text, locks ACCESS EXCLUSIVE."""
    of_table = parsed.kind == "DropStmt" and parsed.node["removeType"] == "OBJECT_TABLE"
    renames = parsed.kind == "RenameStmt" and parsed.node["renameType"] in {"OBJECT_TABLE", "OBJECT_COLUMN"}
    alters = any(
        each["subtype"] not in BRIEF and constraint_of(each).get("contype") != "CONSTR_FOREIGN"
        for each in actions(parsed)
    )
    by_name = parsed.kind == "LockStmt" and parsed.node["mode"] == ACCESS_EXCLUSIVE
    if of_table or renames or alters or by_name or parsed.kind == "TruncateStmt":
        yield from targets(parsed)


def scans(action: Node) -> bool:
    """Return whether an action of ALTER TABLE reads every row: VALIDATE, or a constraint that is checked at once."""
    constraint = constraint_of(action)
    at_once = constraint and not constraint.get("skip_validation") and "indexname" not in constraint
    return action["subtype"] == "AT_ValidateConstraint" or bool(at_once)


def bound(change: Change, keys: Set[str], columns: Set[str], *, inner: bool) -> str | None:
    """Return how the condition of a change bounds its rows by a key, that is by a column in `keys`.

    `row` where it names single keys, `limit` where a LIMIT bounds it, `range` between two values, `open` where one end
    is open, None where any row may match. `columns` are those of the table: in a DO block (`inner`) another name alone
    is one of its variables.
    """
    others = {
        _alias(each)
        for key in ("fromClause", "usingClause", "sourceRelation")
        for _, each in nodes(change.node.get(key), "RangeVar")
    }
    return _Bounds(keys, columns, _alias(change.node["relation"]), others, inner).of(change.node.get("whereClause"))


def _alias(table: Node) -> str:
    """Return the name by which a statement refers to a table; `table` is a RangeVar."""
    return str(table.get("alias", {}).get("aliasname") or table["relname"])


@dataclass(frozen=True)
class _Bounds:
    keys: Set[str]
    columns: Set[str]
    own: str
    others: Set[str]
    """Names of the other tables of the statement: their columns bound nothing."""
    inner: bool

    def of(self, where: Node | None) -> str | None:
        match where:
            case {"BoolExpr": {"boolop": "AND_EXPR", "args": args}}:
                found = [self.of(each) for each in args]
                if {"lower", "upper"} <= set(found):
                    found.append("range")
                return min(filter(None, found), key=ORDER.index, default=None)
            case {"BoolExpr": {"boolop": "OR_EXPR", "args": args}}:
                found = [self.of(each) for each in args]
                return None if None in found else max(found, key=lambda each: ORDER.index(str(each)))
            case {"CurrentOfExpr": _}:
                return "row"
            case {"SubLink": {"subLinkType": "ANY_SUBLINK"} as link}:
                equal = strings(link.get("operName", [])) in {(), ("=",)} and self._is_key(link["testexpr"])
                return "limit" if equal and "limitCount" in link["subselect"]["SelectStmt"] else None
            case {"A_Expr": {"kind": kind, "name": [{"String": {"sval": operator}}], "lexpr": left, "rexpr": right}}:
                return self._comparison(kind, operator, left, right)
        return None

    def _comparison(self, kind: str, operator: str, left: Node, right: Node) -> str | None:
        if kind == "AEXPR_OP" and not self._is_key(left):
            left, right, operator = right, left, MIRRORED.get(operator, "")
        if not self._is_key(left) or not self._is_fixed(right):
            return None
        match kind, operator:
            case ("AEXPR_OP", "=") | ("AEXPR_IN", "="):
                return "row"
            case ("AEXPR_OP_ANY", "=") | ("AEXPR_BETWEEN", _):
                return "range"
            case "AEXPR_OP", "<" | "<=":
                return "upper"
            case "AEXPR_OP", ">" | ">=":
                return "lower"
        return None

    def _is_key(self, node: Node) -> bool:
        match node:
            case {"ColumnRef": {"fields": fields}}:
                names = strings(fields)
                return bool(names) and names[-1] in self.keys | {"ctid"} and not set(names[:-1]) & self.others
        return False

    def _is_fixed(self, node: Node) -> bool:
        """Return whether an expression has one value for the whole statement: no column of a table is in it."""
        subquery = any(True for _ in nodes(node, "SubLink"))
        for _, column in nodes(node, "ColumnRef"):
            *qualifier, name = strings(column["fields"]) or ("", "")
            if set(qualifier) & (self.others | {self.own}):
                return False
            variable = bool(qualifier) or name not in self.columns
            if not subquery and not (self.inner and variable):
                return False
        return True


ORDER = ("row", "limit", "range", "upper", "lower")
"""What bounds a change, the strictest first."""
