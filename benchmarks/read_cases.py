"""What a school reads most: the statements, the values they are asked with, and the indexes meant for them."""

from dataclasses import dataclass

TODAY = "date '2026-05-08'"
"""The last day of the made-up school."""


@dataclass(frozen=True)
class Read:
    """One read; `table` is the one whose index matters, `meant` what the definition of that index has in it."""

    what: str
    table: str
    meant: tuple[str, ...]
    query: str
    values: str = "select 1"
    """A query for rows of values to ask with."""
    least: float = 1
    """How many times faster than without the index."""


STUDENTS_NOW = "select student_id from enrollments where left_on is null"
MUCH = 20

READS = (
    Read(
        "report card", "student_assignments", ("(student_id, COALESCE(extended_due_date, due_date, assigned_date)",),
        """
select t.subject_id, count(*), sum(s.points_earned)
  from student_assignments s
  join assignment_templates t on t.id = s.template_id
 where s.student_id = %s
   and coalesce(s.extended_due_date, s.due_date, s.assigned_date) between %s and %s
 group by t.subject_id
""",
        "select student_id, start_date, end_date from enrollments join terms on joined_on = start_date",
        MUCH,
    ),
    Read(
        "overdue now", "student_assignments", ("COALESCE(extended_due_date, due_date)", "WHERE"),
        f"""
select id, student_id, template_id, due_date
  from student_assignments
 where status in ('not_started', 'in_progress', 'overdue')
   and coalesce(extended_due_date, due_date) < {TODAY}
 order by coalesce(extended_due_date, due_date) desc
 limit %s
""",
        "select 100",
        MUCH,
    ),
    Read(
        "recently graded", "student_assignments", ("graded_at",),
        """
select id, student_id, template_id, points_earned
  from student_assignments
 where graded_at is not null
 order by graded_at desc
 limit %s
""",
        "select 50",
    ),
    Read(
        "a class's roster for a day", "attendance_records", ("student_id, date",),
        """
select u.id, u.first_name, u.last_name, a.status
  from enrollments e
  join users u on u.id = e.student_id
  left join attendance_records a on a.student_id = e.student_id and a.date = %s
 where e.class_id = %s
   and e.joined_on <= %s
   and (e.left_on is null or e.left_on >= %s)
""",
        "select d, class_id, d, d from enrollments, lateral (select joined_on + 35 as d) as day",
        MUCH,
    ),
    Read(
        "a student's attendance", "attendance_records", ("student_id, date",),
        """
select date, status, notes
  from attendance_records
 where student_id = %s
   and date between %s and %s
 order by date desc
""",
        "select student_id, joined_on, joined_on + 90 from enrollments",
    ),
    Read(
        "the ledger, a page", "point_transactions", ("(created_at DESC, id DESC)",),
        """
select id, student_id, amount, type, source, created_at
  from point_transactions
 where (created_at, id) < (%s, %s)
 order by created_at desc, id desc
 limit 50
""",
        "select created_at, id from point_transactions",
        MUCH,
    ),
    Read(
        "a student's ledger", "point_transactions", ("student_id, created_at DESC, id DESC",),
        """
select id, amount, type, source, created_at
  from point_transactions
 where student_id = %s
   and (created_at, id) < (%s, 9223372036854775807)
 order by created_at desc, id desc
 limit 20
""",
        "select student_id, max(created_at) from point_transactions group by 1",
        MUCH,
    ),
    Read(
        "points by type and source", "point_transactions", ("(student_id, type, source)",),
        "select type, source, sum(amount) from point_transactions where student_id = %s group by type, source",
        STUDENTS_NOW,
        MUCH,
    ),
    Read(
        "the journal", "journal_entries", ("student_id", "entry_date"),
        """
select id, title, entry_date, mood
  from journal_entries
 where student_id = %s
 order by entry_date desc, id desc
 limit 20
""",
        "select distinct student_id from journal_entries",
    ),
    Read(
        "unread notifications", "notifications", ("notifications",),
        """
select n.id, n.title, n.created_at
  from (
           select * from notifications where user_id = %s
           union all
           select * from notifications where class_id = %s
           union all
           select * from notifications where to_all and created_at > now() - interval '1 year'
       ) as n
 where not exists (select from notification_reads r where r.notification_id = n.id and r.user_id = %s)
 order by n.created_at desc
 limit 50
""",
        "select student_id, class_id, student_id from enrollments where left_on is null",
    ),
    Read(
        "unpaid fees", "fees", ("WHERE (paid_at IS NULL)",),
        f"""
select id, student_id, period, amount_due
  from fees
 where paid_at is null
   and due_on < {TODAY}
 order by due_on
 limit %s
""",
        "select 100",
    ),
    Read(
        "pending payments", "payments", ("WHERE (status = 'pending'",),
        "select id, fee_id, amount, created_at from payments where status = 'pending' order by created_at limit %s",
        "select 100",
    ),
    Read(
        "a live API key", "api_keys", ("(prefix)", "WHERE is_active"),
        "select id, user_id, key_hash, permissions from api_keys where prefix = %s and is_active",
        "select prefix from api_keys where is_active",
    ),
    Read(
        "audit of one entity", "audit_log", ("entity, entity_id, occurred_at DESC",),
        """
select occurred_at, actor_name, action, before, after
  from audit_log
 where entity = %s
   and entity_id = %s
 order by occurred_at desc
 limit 50
""",
        "select distinct entity, entity_id from audit_log",
    ),
)  # fmt: skip
