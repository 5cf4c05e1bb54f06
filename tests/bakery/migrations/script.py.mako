<%!
from surefoot.autogenerate import docstring, render
%>\
"""${message}

Why: what needs this, and what goes wrong without it.
% if known := config.attributes.get("docstring"):
${docstring.lines(known)}
% else:
Locks: which locks on which tables, and for how long.
Data: what happens to the rows that are there; what is set aside, and where.
Way back: what downgrade() does, and what it costs in rows and values.
% endif

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
% if config.attributes.get("expand_only"):
expand_only = True
% endif


def upgrade() -> None:
    ${render.body(upgrades)}


def downgrade() -> None:
    ${render.body(downgrades)}
