"""alembic-gauntlet's own tests of a chain, over an asynchronous engine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic_gauntlet import MigrationTestBase
from alembic_gauntlet.testing import consistency_mixin, naming_mixin
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ourschool.models import metadata
from tests.support.databases import ROOT, Database


@pytest.mark.asyncio
class TestTheHistory(MigrationTestBase):
    migration_diff_ignore_tables: ClassVar[list[str]] = ["migration_definitions", "migration_journal"]
    """What env.py keeps from Alembic's comparison, and only it can."""

    @pytest.fixture
    def alembic_config(self) -> Config:
        return Config(ROOT / "alembic.ini")

    @pytest.fixture
    def orm_metadata(self) -> sa.MetaData:
        return metadata

    @pytest.fixture
    def isolated_migration_schema(self) -> str:
        """The database is the test's own, so its schema is the usual one."""
        return "public"

    @pytest_asyncio.fixture
    async def migration_engine(self, scratch: Database) -> AsyncIterator[AsyncEngine]:
        engine = create_async_engine(scratch.url, poolclass=sa.NullPool)
        yield engine
        await engine.dispose()

    @pytest.fixture(autouse=True)
    def its_own_ways(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They pass a connection inside a transaction, where nothing can be done online, and know no branches."""
        monkeypatch.setattr(consistency_mixin, "get_all_revisions", those_that_stand_alone)
        for mixin in (consistency_mixin, naming_mixin):
            monkeypatch.setattr(mixin, "run_alembic_upgrade", bringing(command.upgrade, "head"))
        monkeypatch.setattr(consistency_mixin, "run_alembic_downgrade", bringing(command.downgrade, "base"))

    @pytest.mark.long
    async def test_stairway_upgrade_downgrade(
        self, alembic_config: Config, migration_engine: AsyncEngine, isolated_migration_schema: str
    ) -> None:
        await super().test_stairway_upgrade_downgrade(alembic_config, migration_engine, isolated_migration_schema)


def those_that_stand_alone(alembic_config: Config) -> list[str]:
    """Return the revisions that a database can be at without another one, the oldest first."""
    script = ScriptDirectory.from_config(alembic_config)
    chain = [each.revision for each in script.walk_revisions()]
    below = {name: {each.revision for each in script.iterate_revisions(name, "base")} for name in chain}
    return [name for name in reversed(chain) if all(name in below[other] or other in below[name] for other in chain)]


def bringing(run: Callable[[Config, str], None], usual: str) -> Callable[..., Awaitable[None]]:
    async def bring(engine: AsyncEngine, alembic_config: Config, target_schema: str, revision: str = usual) -> None:
        assert target_schema == "public"
        async with engine.connect() as connection:

            def bring_with(passed: sa.Connection) -> None:
                alembic_config.attributes["connection"] = passed
                run(alembic_config, revision)

            await connection.run_sync(bring_with)

    return bring
