"""pytest-alembic's own tests of a chain, on a real server; the one that needs a way back is in the module beside."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.config import Config
from pytest_alembic.runner import MigrationContext
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from pytest_alembic.tests.experimental import test_all_models_register_on_metadata as all_models_register
from sqlalchemy.engine import Engine

from tests.support.databases import ROOT, Database

__all__ = [
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]


def test_all_models_register_on_metadata(alembic_runner: MigrationContext) -> None:
    """It looks for the models in whatever refers to the MetaData, and Alembic has only what loads them on demand."""
    all_models_register(alembic_runner, model_package="ourschool.models")


@pytest.fixture
def alembic_config(monkeypatch: pytest.MonkeyPatch) -> Config:
    """Ours as it is; one of the tests starts Python in the current folder and looks for alembic.ini there."""
    monkeypatch.chdir(ROOT)
    return Config(ROOT / "alembic.ini")


@pytest.fixture
def alembic_engine(scratch: Database) -> Iterator[Engine]:
    """An engine, not a connection: autocommit blocks need one that is in no transaction.

    Over TCP: one of the tests writes the URL into an ini file, which takes no %2F of a socket's folder.
    """
    name = f"o_{scratch.url.database}"
    scratch.execute(f"create role {name} superuser login password 'plain'")
    url = scratch.server.over_tcp(name, "plain", str(scratch.url.database))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()
    scratch.execute(f"reassign owned by {name} to postgres", f"drop role {name}")
