-- 009, 10 March 2025
-- A template can belong to several lessons; each lesson may set its own order, time and points.
-- Two more types of assignment, and two more states of one.

begin;

alter type assignmenttype add value if not exists 'reading';
alter type assignmenttype add value if not exists 'practice';
alter type assignmentstatus add value if not exists 'submitted' before 'graded';
alter type assignmentstatus add value if not exists 'excused';

create table if not exists lesson_assignments (
    id serial primary key,
    lesson_id integer not null references lessons (id),
    assignment_template_id integer not null references assignment_templates (id),
    order_in_lesson integer,
    planned_duration_minutes integer,
    custom_instructions text,
    is_required boolean,
    custom_max_points integer,
    created_at timestamp
);

create index if not exists ix_lesson_assignments_id on lesson_assignments (id);

commit;
