"""The development reset: down to base, up to head, and a small school again. Never on a database that is in use."""

from alembic import command
from psycopg import Connection
from sqlalchemy.engine import URL

from ourschool.errors import RefusedError
from ourschool.operate import alembic_here, seed
from ourschool.settings import Settings

EMBEDDED = "embedded"


def may_be_emptied(settings: Settings) -> bool:
    """Whether somebody said so: the embedded server of this project, or OURSCHOOL_DEVELOPMENT. A name says nothing."""
    return settings.development or (settings.database_url or "").partition(":")[0] == EMBEDDED


def reset(settings: Settings, url: URL, plan: seed.Plan) -> dict[str, int]:
    """Empty the database by the revisions' own way back, build it again, seed it; returns the rows of each table.

    Raises RefusedError where the database is not marked as one for development; nothing was touched then.
    """
    if not may_be_emptied(settings):
        raise RefusedError(
            f"Database {url.database!r} is not marked as one for development, and a reset deletes every row.",
            "Where you are certain, set OURSCHOOL_DEVELOPMENT=yes in the environment or in .env.",
        )
    with alembic_here.configured(settings, url, application_name="ourschool reset") as config:
        command.downgrade(config, "base")
        command.upgrade(config, "head")
        connection = config.attributes["connection"]
        driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        made = seed.seed(driver, plan)
        driver.commit()
    return made
