-- 005, 28 October 2024
-- A template given to a student, with its dates, points and grade.
-- "completed" was the last state before "graded" then; 009 put "submitted" between them.

begin;

do $$
begin
    if not exists (
        select 1
        from pg_type
        where typname = 'assignmentstatus'
            and typnamespace = current_schema()::regnamespace
    ) then
        create type assignmentstatus as enum ('not_started', 'in_progress', 'completed', 'graded', 'overdue');
    end if;
end
$$;

create table if not exists student_assignments (
    id serial primary key,
    template_id integer not null references assignment_templates (id),
    student_id integer not null references users (id),
    assigned_date date not null,
    due_date date,
    extended_due_date date,
    status assignmentstatus,
    started_date date,
    completed_date date,
    submitted_date date,
    points_earned double precision,
    percentage_grade double precision,
    letter_grade varchar,
    is_graded boolean,
    graded_date date,
    graded_by integer references users (id),
    teacher_feedback text,
    student_notes text,
    submission_notes text,
    time_spent_minutes integer,
    custom_instructions text,
    custom_max_points integer,
    assigned_by integer not null references users (id),
    created_at timestamp,
    updated_at timestamp
);

create index if not exists ix_student_assignments_id on student_assignments (id);

commit;
