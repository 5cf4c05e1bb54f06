"""`python -m bakery`: the engine's commands on this project."""

from bakery.project import PROJECT
from surefoot import cli

cli.main(PROJECT, about="The database of a bakery.")
