"""Every Alembic command on the bakery's database comes through here."""

from alembic import context

from bakery.project import PROJECT
from surefoot.environment import door

door.main(PROJECT, context)
