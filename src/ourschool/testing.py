"""Fixtures for the tests of an application: `pytest_plugins = ["ourschool.testing"]` in its conftest.py.

`ourschool_connection` and `ourschool_session` are rolled back after each test, `ourschool_database` and
`ourschool_engine` are a clone of its own. The server is that of OURSCHOOL_TEST_DATABASE_URL, or an embedded one.
"""

from ourschool.project import PROJECT
from surefoot.testing import fixtures

globals().update(fixtures(PROJECT))
