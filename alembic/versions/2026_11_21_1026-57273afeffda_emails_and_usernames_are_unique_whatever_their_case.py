"""emails and usernames are unique whatever their case

Why: Anna@school.example and anna@school.example are one mailbox, and who signed in as which was luck. Users who left
can be deleted without losing what points to them, and leave their names free.
Locks: ACCESS EXCLUSIVE on users for milliseconds, the catalogue alone changes; the indexes are built and dropped while
users are read and written.
Data: nobody is deleted yet. Where emails or usernames differ only in case, the revision names the users and changes
nothing; MIGRATIONS.md, “Alike but for case”, has the statements that resolve them.
Way back: deleted_at is set aside. Who was deleted is switched off, and has '#<id>' behind an email or username that
somebody else has by then; both are kept in retired.users_deleted_57273afeffda, and the way up gives them back.

Revision ID: 57273afeffda
Revises: 2f7d60c3be91
Create Date: 2026-11-21 10:26:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "57273afeffda"
down_revision = "2f7d60c3be91"
branch_labels = None
depends_on = None

REFUSE = """
do $$
declare
    of_emails text;
    of_usernames text;
begin
    select string_agg(users, '; ' order by first)
      into of_emails
      from (select string_agg(id::text, ' = ' order by id) as users, min(id) as first
              from users group by lower(email) having count(*) > 1 order by 2 limit 10) as alike;
    select string_agg(users, '; ' order by first)
      into of_usernames
      from (select string_agg(id::text, ' = ' order by id) as users, min(id) as first
              from users group by lower(username) having count(*) > 1 order by 2 limit 10) as alike;
    if of_emails is not null or of_usernames is not null then
        raise exception 'users cannot be told apart but for case, and nothing was changed: by email %, by username %. '
            'MIGRATIONS.md, “Alike but for case”, has the statements that resolve them',
            coalesce('users ' || of_emails, 'none'), coalesce('users ' || of_usernames, 'none')
            using errcode = 'unique_violation';
    end if;
end
$$
"""
KEPT = "retired.users_deleted_57273afeffda"
# Their names make room, whatever the case, for who is not deleted; of several deleted ones the first keeps them.
# An earlier run that was cut off may have retired the column already.
SWITCH_OFF = f"""
do $$
begin
    if not exists (select from pg_attribute where attrelid = 'users'::regclass and attname = 'deleted_at') then
        return;
    end if;
    if not exists (select from users where deleted_at is not null) then
        return;
    end if;
    create schema if not exists retired;
    create table if not exists {KEPT} (
        user_id integer,
        was_active boolean not null,
        email text not null,
        became_email text not null,
        username text not null,
        became_username text not null,
        retired_at timestamptz default clock_timestamp(),
        left_at timestamptz,
        primary key (user_id, retired_at)
    );
    comment on table {KEPT} is 'users who were deleted when 57273afeffda was taken back: what they had, and got for it';
    with leaving as (
        insert into {KEPT} (user_id, was_active, email, became_email, username, became_username)
        select id,
               is_active,
               email,
               email || case when email_again > 1 then '#' || id else '' end,
               username,
               username || case when username_again > 1 then '#' || id else '' end
          from (
              select users.*,
                     row_number() over (partition by lower(email) order by deleted_at is not null, id) as email_again,
                     row_number() over (
                         partition by lower(username) order by deleted_at is not null, id
                     ) as username_again
                from users
          ) as numbered
         where deleted_at is not null
           and not exists (select from {KEPT} as there where there.user_id = numbered.id and there.left_at is null)
     returning *
    )
    update users
       set is_active = false,
           email = became_email,
           username = became_username
      from leaving
     where id = user_id;
end
$$
"""
# Who was switched on meanwhile is nobody who left, and a name that was changed meanwhile stays.
GIVE_BACK = f"""
do $$
begin
    if to_regclass('{KEPT}') is null then
        return;
    end if;
    update users
       set deleted_at = null
      from {KEPT} as kept
     where id = user_id
       and left_at is null
       and is_active;
    with given as (
        update users
           set is_active = was_active,
               email = case users.email when became_email then kept.email else users.email end,
               username = case users.username when became_username then kept.username else users.username end
          from {KEPT} as kept
         where id = user_id
           and left_at is null
           and deleted_at is not null
     returning id, users.email = kept.email and users.username = kept.username as wholly
    )
    delete from {KEPT}
     where left_at is null
       and user_id in (select id from given where wholly);
    update {KEPT} set left_at = now() where left_at is null;
    if not exists (select from {KEPT}) then
        drop table {KEPT};
    end if;
    if not exists (select from pg_class where relnamespace = 'retired'::regnamespace) then
        drop schema retired;
    end if;
end
$$
"""
SINCE = "the account is closed since; its email and username are free"


def upgrade() -> None:
    op.execute(REFUSE)
    if not op.restore_column("users", "deleted_at"):
        op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), comment=SINCE), if_not_exists=True)
    for name, column in (("ix_users_lower_email", "email"), ("ix_users_lower_username", "username")):
        op.create_index_online(
            name, "users", [sa.text(f"lower({column})")], unique=True, postgresql_where="deleted_at is null"
        )
    op.drop_index_online("ix_users_email", "users")
    op.drop_index_online("ix_users_username", "users")
    # lint: loses-data what is deleted from what was kept has just been given back to users, in the same statement
    op.execute(GIVE_BACK)


def downgrade() -> None:
    op.execute(SWITCH_OFF)
    op.create_index_online("ix_users_email", "users", ["email"], unique=True)
    op.create_index_online("ix_users_username", "users", ["username"], unique=True)
    op.drop_index_online("ix_users_lower_username", "users")
    op.drop_index_online("ix_users_lower_email", "users")
    op.retire_column("users", "deleted_at")
