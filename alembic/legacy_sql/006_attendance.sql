-- 006, 18 November 2024
-- The daily register.

begin;

do $$
begin
    if not exists (
        select 1
        from pg_type
        where typname = 'attendancestatus'
            and typnamespace = current_schema()::regnamespace
    ) then
        create type attendancestatus as enum ('present', 'absent', 'late', 'excused');
    end if;
end
$$;

create table if not exists attendance_records (
    id serial primary key,
    student_id integer not null references users (id),
    date date not null,
    status attendancestatus not null,
    notes text,
    created_at timestamp,
    updated_at timestamp
);

create index if not exists ix_attendance_records_id on attendance_records (id);

commit;
