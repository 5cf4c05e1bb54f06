#!/usr/bin/env bash
# paracelsus 0.15.0 draws another model than it was given: two tables of one name in two schemas are two blocks of one name, with the
# schema nowhere, and a foreign key of two columns is two relationships.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check paracelsus==0.15.0 SQLAlchemy==2.1.9
cat >"$here/shop.py" <<'PY'
from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = {"schema": "sales"}
    year: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


class StoredOrder(Base):
    __tablename__ = "orders"
    __table_args__ = {"schema": "archive"}
    id: Mapped[int] = mapped_column(primary_key=True)


class Line(Base):
    __tablename__ = "lines"
    __table_args__ = (ForeignKeyConstraint(["year", "number"], ["sales.orders.year", "sales.orders.number"]), {"schema": "sales"})
    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]
    number: Mapped[int]
PY
printf '[tool.paracelsus]\n' >"$here/pyproject.toml"
cd "$here"
drawn=$("$here/venv/bin/paracelsus" graph shop:Base --python-dir "$here")
"$here/venv/bin/pip" show paracelsus 2>/dev/null | grep '^Version'
printf '%s\n' "$drawn"
entities=$(grep -cE '^ *orders \{' <<<"$drawn" || true)
relations=$(grep -cE '(orders.*--.*lines|lines.*--.*orders)' <<<"$drawn" || true)
echo "expected: an entity for sales.orders and one for archive.orders that can be told apart; one relationship for one foreign key"
echo "seen:     $entities blocks called orders, $relations relationships, no schema: $(grep -cE 'sales|archive' <<<"$drawn" || true) lines name one"
[ "$relations" = 2 ] && ! grep -qE 'sales|archive' <<<"$drawn"
