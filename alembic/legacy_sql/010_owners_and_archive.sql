-- 010, 21 July 2025
-- Who made a term, which templates are put away, which assignment changed a grade and when grades were last
-- calculated; and attendance goes with its student. Old terms are given to the first admin, old templates are not
-- archived; rows are changed only in the run that adds the column.

begin;

do $$
begin
    if not exists (
        select 1
        from pg_attribute
        where attrelid = 'terms'::regclass
            and attname = 'created_by'
    ) then
        alter table terms
            add column created_by integer references users (id);
        update terms
        set created_by = (
            select min(id)
            from users
            where role = 'admin'
        );
        alter table terms
            alter column created_by set not null;
    end if;

    if not exists (
        select 1
        from pg_attribute
        where attrelid = 'assignment_templates'::regclass
            and attname = 'is_archived'
    ) then
        alter table assignment_templates
            add column is_archived boolean;
        update assignment_templates
        set is_archived = false;
        alter table assignment_templates
            alter column is_archived set not null;
    end if;
end
$$;

alter table student_term_grades
    add column if not exists last_calculated timestamp;
alter table grade_history
    add column if not exists assignment_id integer;

do $$
begin
    if not exists (
        select 1
        from pg_constraint
        where conname = 'grade_history_assignment_id_fkey'
            and conrelid = 'grade_history'::regclass
    ) then
        alter table grade_history
            add foreign key (assignment_id) references student_assignments (id);
    end if;

    if exists (
        select 1
        from pg_constraint
        where conname = 'attendance_records_student_id_fkey'
            and conrelid = 'attendance_records'::regclass
            and confdeltype = 'a'
    ) then
        alter table attendance_records
            drop constraint attendance_records_student_id_fkey;
        alter table attendance_records
            add foreign key (student_id) references users (id) on delete cascade;
    end if;
end
$$;

commit;
