#!/bin/sh
# pytest-pylembic 0.4.0 cannot be told that branches are meant: its README gives --pylembic-detect-branches=False, for
# the command line and for addopts, but the option is a flag, whose default is on already, and pytest refuses a value.
# Seen with pylembic 0.9.0 and pytest 9.1.1: exit status 4, "ignored explicit argument 'False'"; without the option a
# chain with one fork that a merge revision ends fails, though nothing is wrong with it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pytest==9.1.1 pytest-pylembic==0.4.0 pylembic==0.9.0 alembic==1.20.1
mkdir -p migrations/versions
echo '[alembic]' > migrations/alembic.ini
: > migrations/env.py
: > test_none.py
revision() {
    printf 'revision = "%s"\ndown_revision = %s\nbranch_labels = depends_on = None\n\n\ndef upgrade(): pass\n\n\ndef downgrade(): pass\n' \
        "$1" "$2" > "migrations/versions/$1.py"
}
revision one None
revision left '"one"'
revision right '"one"'
revision merged '("left", "right")'
printf '[alembic]\nscript_location = migrations\n' > alembic.ini

echo "with the option of the README:"
status=0
venv/bin/python -m pytest -q --pylembic-detect-branches=False > with.txt 2>&1 || status=$?
grep "explicit argument" with.txt
echo "exit status $status"
[ "$status" = 4 ]

echo "without it:"
status=0
venv/bin/python -m pytest -q --pylembic-verbose > without.txt 2>&1 || status=$?
grep -m1 "Branching migration detected" without.txt
echo "exit status $status"
[ "$status" = 1 ]
