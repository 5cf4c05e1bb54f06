"""What a school reads most uses the index that was made for it, in a school of some size whose statistics are fresh."""

from collections.abc import Iterator

import pytest

from tests.ourschool.history.schools import upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server

FILL = (
    """
    insert into users (email, username, hashed_password, first_name, last_name, role)
    select n, n, '-', 'First ' || n, 'Last', (case when n <= 20 then 'admin' else 'student' end)
      from generate_series(1, 12020) n
    """,
    "insert into subjects (name) values ('Art'), ('Music')",
    "insert into school_classes (academic_year, code, name) select '2024-2025', n, n from generate_series(1, 300) n",
    "insert into enrollments (student_id, class_id, joined_on) "
    "select id, 1 + id % 300, '2024-08-01' from users where role = 'student'",
    "insert into assignment_templates (name, subject_id, created_by) "
    "select n, 1 + n % 2, 1 from generate_series(1, 99) n",
    """
    insert into student_assignments (template_id, student_id, assigned_by, assigned_date, due_date, extended_due_date,
                                     status, graded_at)
    select 1 + n % 99, 21 + n % 1000, 1, day, day + 14, case when n % 50 = 0 then day + 21 end,
           (case when n % 40 = 0 then 'in_progress' when n % 41 = 0 then 'submitted' else 'graded' end),
           case when n % 40 <> 0 and n % 41 <> 0 then day + 20 end
      from (select n, current_date - 1 - n / 80 as day from generate_series(0, 79999) n) as given
    """,
    """
    insert into attendance_records (student_id, date, status)
    select id, current_date - n, 'present' from users, generate_series(0, 19) n where id between 21 and 4020
    """,
    """
    insert into point_transactions (student_id, amount, type, source, created_at)
    select 21 + n % 1000, case n % 3 when 0 then -1 else 2 end, case n % 3 when 0 then 'spent' else 'earned' end,
           (array['manual', 'shop', 'attendance'])[1 + n % 3], now() - n * interval '1 minute'
      from generate_series(0, 39999) n
    """,
    """
    insert into journal_entries (student_id, author_id, title, content, entry_date)
    select 21 + n % 1000, 1, 'x', 'x', now() - n * interval '1 minute' from generate_series(0, 39999) n
    """,
    """
    insert into notifications (title, user_id, class_id, to_all, created_at)
    select 'x', case n % 3 when 0 then 21 + n % 1000 end, case n % 3 when 1 then 1 + n % 40 end,
           n % 3 = 2 and n % 100 = 2 , now() - n * interval '1 minute'
      from generate_series(0, 29999) n
     where n % 3 <> 2 or n % 100 = 2
    """,
    "insert into notification_reads (notification_id, user_id) select id, user_id from notifications "
    "where user_id is not null and id % 10 <> 0",
    """
    insert into fees (student_id, period, amount_due, due_on, paid_at)
    select id, '2020-01-01'::date + n * interval '1 month', 10, '2020-01-15'::date + (n * interval '1 month'),
           case when (id + n) % 50 <> 0 then now() end
      from users, generate_series(0, 9) n
     where id between 21 and 4020
    """,
    """
    insert into payments (fee_id, amount, method, status, confirmed_at, created_at)
    select id, 10, 'cash', case when id % 100 = 0 then 'pending' else 'confirmed' end,
           case when id % 100 <> 0 then now() end, now() - id * interval '1 minute'
      from fees
    """,
    "insert into api_keys (user_id, name, prefix, key_hash, is_active) "
    "select 1 + n % 20, n, 'os_' || n, n, n % 4 = 0 from generate_series(1, 4000) n",
    "insert into audit_log (actor_id, action, entity, entity_id, occurred_at) "
    "select 1, 'changed', (array['users', 'fees', 'marks'])[1 + n % 3], n % 997, now() - n * interval '1 minute' "
    "from generate_series(1, 40000) n",
    "vacuum analyze",
)
UNREAD = """
select id, title, created_at
  from notifications
 where {0}
   and not exists (select from notification_reads where notification_id = notifications.id and user_id = 500)
"""
READS: dict[str, tuple[str, set[str]]] = {
    "report card": (
        """
        select * from student_assignments
         where student_id = 500
           and coalesce(extended_due_date, due_date, assigned_date) between current_date - 90 and current_date - 30
        """,
        {"ix_student_assignments_student_id_coalesce"},
    ),
    "overdue now": (
        """
        select * from student_assignments
         where status in ('not_started', 'in_progress', 'overdue')
           and coalesce(extended_due_date, due_date) < current_date
         order by coalesce(extended_due_date, due_date)
         limit 100
        """,
        {"ix_student_assignments_coalesce_open"},
    ),
    "recently graded": (
        "select * from student_assignments where graded_at >= now() - interval '7 days' "
        "order by graded_at desc limit 50",
        {"ix_student_assignments_graded_at"},
    ),
    "roster of a class for a day": (
        """
        select users.id, first_name, last_name, attendance_records.status
          from enrollments
          join users on users.id = student_id
          left join attendance_records on attendance_records.student_id = users.id and date = current_date - 3
         where class_id = 7
           and joined_on <= current_date - 3
           and (left_on is null or left_on >= current_date - 3)
        """,
        {"ix_enrollments_class_id", "users_pkey", "attendance_records_student_id_date_key"},
    ),
    "attendance in a range": (
        "select * from attendance_records where student_id = 500 and date between current_date - 15 and current_date "
        "order by date desc",
        {"attendance_records_student_id_date_key"},
    ),
    "ledger": (
        "select * from point_transactions order by created_at desc, id desc limit 50",
        {"ix_point_transactions_created_at_id"},
    ),
    "ledger, next page": (
        "select * from point_transactions where (created_at, id) < (now() - interval '5 days', 20000) "
        "order by created_at desc, id desc limit 50",
        {"ix_point_transactions_created_at_id"},
    ),
    "ledger of a student": (
        "select * from point_transactions where student_id = 500 order by created_at desc, id desc limit 20",
        {"ix_point_transactions_student_id_created_at_id"},
    ),
    "points by type and source": (
        "select type, source, sum(amount) from point_transactions where student_id = 500 group by type, source",
        {"ix_point_transactions_student_id_type_source"},
    ),
    "journal": (
        "select * from journal_entries where student_id = 500 order by entry_date desc, id desc limit 20",
        {"ix_journal_entries_student_id_entry_date_id"},
    ),
    "unread notifications": (
        " union all ".join(UNREAD.format(each) for each in ("user_id = 500", "class_id = 7", "to_all"))
        + "order by created_at desc limit 20",
        {"ix_notifications_user_id", "ix_notifications_class_id", "ix_notifications_created_at"},
    ),
    "unpaid fees": (
        "select * from fees where paid_at is null and due_on < '2020-06-01' order by due_on",
        {"ix_fees_due_on"},
    ),
    "pending payments": (
        "select * from payments where status = 'pending' order by created_at limit 50",
        {"ix_payments_created_at"},
    ),
    "live API key": ("select * from api_keys where prefix = 'os_400' and is_active", {"ix_api_keys_prefix"}),
    "audit of an entity": (
        "select * from audit_log where entity = 'fees' and entity_id = '7' order by occurred_at desc limit 20",
        {"ix_audit_log_entity_entity_id_occurred_at"},
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def big(newest: Server) -> Iterator[Database]:
    """A thousand students, eighty thousand assignments and days of attendance; nobody writes to it."""
    with fresh(newest) as made:
        upgrade(made, "head")
        made.execute(*FILL)
        yield made


@pytest.mark.promise("E1")
@pytest.mark.parametrize("read", READS)
def test_the_plan_uses_the_index_meant_for_it(big: Database, read: str) -> None:
    query, meant = READS[read]
    used, scanned = plan(big, query)
    assert meant <= used, used
    assert scanned == set(), "no table is read from end to end"


def plan(database: Database, query: str) -> tuple[set[str], set[str]]:
    """The indexes that the plan of `query` uses, and the tables that it reads whole."""
    used: set[str] = set()
    scanned: set[str] = set()
    explained = database.value(f"explain (format json) {query}")
    assert isinstance(explained, list)
    nodes = [explained[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if "Index Name" in node:
            used.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan":
            scanned.add(node["Relation Name"])
    return used, scanned
