-- 003, 23 September 2024
-- What a student has and an admin has not: a parent (an admin), a birthday, a grade level.
-- created_at and updated_at stay empty for those who were there before.

begin;

alter table users
    add column if not exists parent_id integer;
alter table users
    add column if not exists date_of_birth date;
alter table users
    add column if not exists grade_level varchar;
alter table users
    add column if not exists created_at timestamp;
alter table users
    add column if not exists updated_at timestamp;

do $$
begin
    if not exists (
        select 1
        from pg_constraint
        where conname = 'users_parent_id_fkey'
            and conrelid = 'users'::regclass
    ) then
        alter table users
            add foreign key (parent_id) references users (id);
    end if;
end
$$;

commit;
