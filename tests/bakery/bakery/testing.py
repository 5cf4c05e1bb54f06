"""Fixtures for the tests of an application: `pytest_plugins = ["bakery.testing"]` in its conftest.py."""

from bakery.project import PROJECT
from surefoot.testing import fixtures

globals().update(fixtures(PROJECT))
