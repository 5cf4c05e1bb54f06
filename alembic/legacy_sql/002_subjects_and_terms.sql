-- 002, 9 September 2024
-- What is taught and when: subjects, terms, and which subject runs in which term.
-- The unique constraint came a day later, hence its own guarded step.

begin;

do $$
begin
    if not exists (
        select 1
        from pg_type
        where typname = 'termtype'
            and typnamespace = current_schema()::regnamespace
    ) then
        create type termtype as enum ('semester', 'quarter', 'trimester', 'custom');
    end if;
end
$$;

create table if not exists subjects (
    id serial primary key,
    name varchar not null,
    description text,
    color varchar,
    created_at timestamp
);

create table if not exists terms (
    id serial primary key,
    name varchar not null,
    description text,
    start_date date not null,
    end_date date not null,
    academic_year varchar not null,
    term_type termtype,
    is_active boolean,
    term_order integer,
    created_at timestamp,
    updated_at timestamp
);

create table if not exists term_subjects (
    id serial primary key,
    term_id integer not null references terms (id),
    subject_id integer not null references subjects (id),
    is_active boolean,
    weight double precision,
    grading_scale text,
    learning_goals text,
    teacher_notes text,
    created_at timestamp
);

do $$
begin
    if not exists (
        select 1
        from pg_constraint
        where conname = 'uq_term_subject'
            and conrelid = 'term_subjects'::regclass
    ) then
        alter table term_subjects
            add constraint uq_term_subject unique (term_id, subject_id);
    end if;
end
$$;

create index if not exists ix_subjects_id on subjects (id);
create index if not exists ix_terms_id on terms (id);
create index if not exists ix_term_subjects_id on term_subjects (id);

commit;
