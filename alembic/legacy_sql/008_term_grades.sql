-- 008, 27 January 2025
-- A student's grade for a subject in a term, and what was changed in it by whom.
-- The unique constraint was forgotten at first, hence its own guarded step.

begin;

create table if not exists student_term_grades (
    id serial primary key,
    student_id integer not null references users (id),
    term_subject_id integer not null references term_subjects (id),
    current_points_earned double precision,
    current_points_possible double precision,
    current_percentage double precision,
    current_letter_grade varchar,
    final_points_earned double precision,
    final_points_possible double precision,
    final_percentage double precision,
    final_letter_grade varchar,
    is_finalized boolean,
    finalized_date date,
    finalized_by integer references users (id),
    assignments_completed integer,
    assignments_total integer,
    attendance_rate double precision,
    progress_notes text,
    student_reflection text,
    parent_notes text,
    learning_goals text,
    areas_for_improvement text,
    strengths text,
    created_at timestamp,
    updated_at timestamp
);

do $$
begin
    if not exists (
        select 1
        from pg_constraint
        where conname = 'uq_student_term_subject'
            and conrelid = 'student_term_grades'::regclass
    ) then
        alter table student_term_grades
            add constraint uq_student_term_subject unique (student_id, term_subject_id);
    end if;
end
$$;

create table if not exists grade_history (
    id serial primary key,
    student_term_grade_id integer not null references student_term_grades (id),
    field_name varchar not null,
    old_value varchar,
    new_value varchar,
    change_reason text,
    changed_by integer not null references users (id),
    changed_at timestamp
);

create index if not exists ix_student_term_grades_id on student_term_grades (id);
create index if not exists ix_grade_history_id on grade_history (id);

commit;
