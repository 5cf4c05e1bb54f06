<%!
from ourschool.migrate.autogenerate import docstring, written
%>\
"""${message}

${docstring.lines(config.attributes.get("docstring"))}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${written.value(up_revision)}
down_revision = ${written.value(down_revision)}
branch_labels = ${written.value(branch_labels)}
depends_on = ${written.value(depends_on)}


def upgrade() -> None:
    ${written.body(upgrades)}


def downgrade() -> None:
    ${written.body(downgrades)}
