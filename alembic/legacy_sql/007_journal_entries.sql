-- 007, 6 January 2025
-- Journals: written by the student or by a parent about the student.

begin;

create table if not exists journal_entries (
    id serial primary key,
    student_id integer not null references users (id),
    author_id integer not null references users (id),
    title varchar not null,
    content text not null,
    entry_date timestamp not null,
    created_at timestamp,
    updated_at timestamp
);

create index if not exists ix_journal_entries_id on journal_entries (id);
create index if not exists ix_journal_entries_student_id on journal_entries (student_id);

commit;
