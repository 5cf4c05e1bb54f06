-- 004, 14 October 2024
-- Lessons, and the assignments that are written once and given out many times.
-- Seven types of assignment; 009 added reading and practice.

begin;

do $$
begin
    if not exists (
        select 1
        from pg_type
        where typname = 'difficultylevel'
            and typnamespace = current_schema()::regnamespace
    ) then
        create type difficultylevel as enum ('beginner', 'intermediate', 'advanced');
    end if;

    if not exists (
        select 1
        from pg_type
        where typname = 'assignmenttype'
            and typnamespace = current_schema()::regnamespace
    ) then
        create type assignmenttype as enum (
            'homework', 'project', 'test', 'quiz', 'essay', 'presentation', 'worksheet'
        );
    end if;
end
$$;

create table if not exists lessons (
    id serial primary key,
    title varchar not null,
    description text,
    scheduled_date date not null,
    start_time time,
    end_time time,
    estimated_duration_minutes integer,
    difficulty_level difficultylevel,
    materials_needed text,
    objectives text,
    prerequisites text,
    resources text,
    lesson_order integer,
    created_at timestamp,
    updated_at timestamp
);

create table if not exists assignment_templates (
    id serial primary key,
    name varchar not null,
    description text,
    instructions text,
    assignment_type assignmenttype not null,
    lesson_id integer references lessons (id),
    subject_id integer not null references subjects (id),
    max_points integer not null,
    estimated_duration_minutes integer,
    difficulty_level difficultylevel,
    prerequisites text,
    materials_needed text,
    is_exportable boolean,
    export_data text,
    order_in_lesson integer,
    created_by integer not null references users (id),
    created_at timestamp,
    updated_at timestamp
);

create index if not exists ix_lessons_id on lessons (id);
create index if not exists ix_assignment_templates_id on assignment_templates (id);

commit;
