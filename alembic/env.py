"""The one door to the database: every Alembic command comes through here, and is safe because of what it calls."""

from alembic import context

from ourschool.project import PROJECT
from surefoot.environment import door

door.main(PROJECT, context)
