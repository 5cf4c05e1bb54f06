"""The same revisions under the env.py that `alembic init` writes, to measure what ours costs."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]

ENV = """
import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import engine_from_config, pool

{directives}
from ourschool.models import metadata as target_metadata

config = context.config
config.set_main_option("sqlalchemy.url", os.environ["DATABASE_URL"].replace("%", "%%"))
if config.config_file_name is not None:
    fileConfig(config.config_file_name)

connectable = engine_from_config(config.get_section(config.config_ini_section, {{}}), poolclass=pool.NullPool)
with connectable.connect() as connection:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


def make(folder: Path) -> Path:
    """Write the project into `folder`; the revisions' online directives are registered, nothing else is ours."""
    shutil.copytree(ROOT / "alembic", folder / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", folder)
    directives = "import surefoot.online  # the revisions use its directives"
    (folder / "alembic" / "env.py").write_text(ENV.format(directives=directives))
    return folder
