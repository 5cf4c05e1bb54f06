-- 001, 2 September 2024
-- The first table: who may sign in. Parents are admins; there is no role of their own.

begin;

do $$
begin
    if not exists (
        select 1
        from pg_type
        where typname = 'userrole'
            and typnamespace = current_schema()::regnamespace
    ) then
        create type userrole as enum ('admin', 'student');
    end if;
end
$$;

create table if not exists users (
    id serial primary key,
    email varchar not null,
    username varchar not null,
    hashed_password varchar not null,
    first_name varchar not null,
    last_name varchar not null,
    role userrole not null,
    is_active boolean
);

create index if not exists ix_users_id on users (id);
create unique index if not exists ix_users_email on users (email);
create unique index if not exists ix_users_username on users (username);

commit;
