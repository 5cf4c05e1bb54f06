"""Every CHECK and unique rule of the new tables, tried to be broken by raw SQL."""

import psycopg
import pytest

from tests.ourschool.history.schools import upgrade
from tests.support.databases import Database

PERSON = """
insert into users (email, username, hashed_password, first_name, last_name, role)
values ('{email}', '{username}', '-', '', '', 'student')
"""
TERM = """
insert into terms (name, start_date, end_date, academic_year, created_by{columns})
values ('x', '2024-09-01', '2025-01-31', '2024-2025', 1{values})
"""
TAUGHT = (
    "insert into terms (id, name, start_date, end_date, academic_year, created_by) "
    "values (1, 'x', '2024-09-01', '2025-01-31', '2024-2025', 1)",
    "insert into term_subjects (term_id, subject_id) values (1, 1)",
)
SESSION = "insert into user_sessions (user_id, token_hash{columns}) values (3, '{hash}'{values})"
KEY = (
    "insert into api_keys (user_id, name, prefix, key_hash{columns}) values (2, 'robot', '{prefix}', '{hash}'{values})"
)
SETTING = "insert into system_settings (key, value, type) values ('{key}', '{value}', '{type}')"
CLASS = "insert into school_classes (academic_year, code, name{columns}) values ('{year}', '{code}', 'x'{values})"
FEE = "insert into fees (id, student_id, period, amount_due) values ({id}, 3, '{period}', {amount})"
PAYMENT = "insert into payments (fee_id, amount, method{columns}) values (1, {amount}, '{method}'{values})"
A_FEE = FEE.format(id=1, period="2025-01-01", amount=100)
TEST = "insert into tests (id, title, held_on, max_marks) values (1, 'Fractions', '2025-01-10', {maximum})"
MARK = "insert into marks (test_id, student_id, marks) values (1, 3, {marks})"
NOTE = "insert into notifications (id, title{columns}) values (1, 'Rain'{values})"
ITEM = "insert into shop_items (id, name, cost, stock) values (1, 'Pencil', {cost}, {stock})"
REDEMPTION = "insert into shop_redemptions (student_id, item_id{columns}) values (3, 1{values})"
LEDGER = """
insert into point_transactions (id, student_id, amount, type, source) values (1, 3, {amount}, '{type}', '{source}')
"""
ENTRY = """
insert into journal_entries (student_id, author_id, title, content, entry_date{columns})
values (3, 2, 'Day', 'It was', now(){values})
"""
ASSIGNED = (
    "insert into assignment_templates (id, name, subject_id, created_by, max_points) values (1, 'Page 3', 1, 2, 10)",
    "insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by) "
    "values (1, 1, 3, '2025-01-01', 2)",
    "insert into lessons (id, title, scheduled_date) values (1, 'Fractions', '2025-01-01')",
)
ATTENDED = "insert into attendance_records (student_id, date, status) values (3, '2025-01-01', '{status}')"
TERM_GRADED = (
    "insert into terms (id, name, start_date, end_date, academic_year, created_by) "
    "values (901, 'T', '2024-09-01', '2025-01-31', '2024-2025', 2)",
    "insert into term_subjects (id, term_id, subject_id) values (901, 901, 1)",
    "insert into student_term_grades (id, student_id, term_subject_id) values (901, 3, 901)",
)
ASSIGNMENT = "update student_assignments set {change}"
GRADE = "update student_term_grades set {change}"
NUMBERS = (
    "current_points_earned", "current_points_possible", "current_percentage", "final_points_earned",
    "final_points_possible", "final_percentage", "attendance_rate",
)  # fmt: skip
MINUTES = "insert into assignment_time_entries (assignment_id, minutes) values (1, {minutes})"
WITHDRAWAL = "insert into withdrawal_requests (student_id{columns}) values (3{values})"
GUARDIAN = """
insert into guardianships (guardian_id, student_id, relation, is_primary) values ({who}, {whom}, '{what}', {first})
"""
PROFILE = (
    "insert into student_profiles (student_id, class_id, roll_number, reg_no) values ({who}, {where}, {roll}, {reg})"
)
JOINED = "insert into enrollments (student_id, class_id, joined_on, left_on) values (3, 1, '{joined}', {left})"
LISTED = "insert into lesson_assignments (lesson_id, assignment_template_id) values (1, 1)"
RESOURCE = "insert into resources (title, kind{columns}) values ('Atlas', '{kind}'{values})"


def none(form: str, **values: object) -> str:
    return form.format(columns="", values="", **values)


# what stands before, what must be refused, and the rule that refuses it
BROKEN: list[tuple[tuple[str, ...], str, str]] = [
    ((), "update users set failed_login_attempts = -1", "users_failed_login_attempts_check"),
    ((), "update users set theme = 'pink'", "users_theme_check"),
    ((), "update users set external_id = (select external_id from users where id = 1) where id = 2",
     "users_external_id_key"),
    ((), PERSON.format(email="ADA@x", username="new"), "ix_users_lower_email"),
    ((), PERSON.format(email="new", username="Ada"), "ix_users_lower_username"),
    (("update users set deleted_at = now() where id = 2", PERSON.format(email="TOM@x", username="TOM")),
     "update users set deleted_at = null where id = 2", "ix_users_lower_email"),
    ((), "insert into subjects (name) values ('MATHEMATICS')", "ix_subjects_lower_name"),
    ((TERM.format(columns=", is_active", values=", true"),), TERM.format(columns=", is_active", values=", true"),
     "ix_terms_is_active"),
    ((), "insert into assignment_types (key, name) values ('quiz', 'Quiz')", "assignment_types_key_key"),
    ((), "insert into assignment_types (key, name) values (' ', 'Blank')", "assignment_types_key_check"),
    ((), "update assignment_types set weight = 'NaN'", "assignment_types_weight_check"),
    ((), "update assignment_types set weight = -1", "assignment_types_weight_check"),
    (ASSIGNED, "delete from assignment_types where key = 'homework'", "assignment_templates_assignment_type_fkey"),
    (ASSIGNED, "update assignment_templates set assignment_type = 'lab'", "assignment_templates_assignment_type_fkey"),
    ((), "update users set parent_id = id", "users_parent_id_check"),
    ((), "update users set grade_level = 14", "users_grade_level_check"),
    ((), "update users set grade_level = -2", "users_grade_level_check"),
    ((none(TERM),), "update terms set end_date = start_date", "terms_end_date_check"),
    *(((none(TERM),), f"update terms set academic_year = '{year}'", "terms_academic_year_check")
      for year in ("2024-25", "2024-2026", "2024", "", "2024-2025 ", "20242025")),
    *(((), f"update subjects set color = '{colour}'", "subjects_color_check")
      for colour in ("red", "#FFF", "", "#3B82F6 ", "3B82F6", "#GGGGGG")),
    *((TAUGHT, f"update term_subjects set weight = '{weight}'", "term_subjects_weight_check")
      for weight in ("-0.1", "NaN", "Infinity")),
    (TAUGHT, TAUGHT[-1], "term_subjects_term_id_subject_id_key"),
    (ASSIGNED, "update assignment_templates set max_points = 0", "assignment_templates_max_points_check"),
    (ASSIGNED, "update lessons set start_time = '09:00', end_time = '09:00'", "lessons_end_time_check"),
    (ASSIGNED, "update lessons set start_time = '09:00', end_time = '08:59'", "lessons_end_time_check"),
    ((none(SESSION, hash="a"),), none(SESSION, hash="a"), "user_sessions_token_hash_key"),
    ((), SESSION.format(hash="a", columns=", expires_at", values=", now()"), "user_sessions_expires_at_check"),
    ((none(KEY, prefix="os_1", hash="a"),), none(KEY, prefix="os_2", hash="a"), "api_keys_key_hash_key"),
    ((none(KEY, prefix="os_1", hash="a"),), none(KEY, prefix="os_1", hash="b"), "ix_api_keys_prefix"),
    ((), KEY.format(prefix="p", hash="h", columns=", expires_at", values=", '2001-01-01'"),
     "api_keys_expires_at_check"),
    ((), KEY.format(prefix="p", hash="h", columns=", permissions", values=", '{}'"), "api_keys_permissions_check"),
    ((SETTING.format(key="a", value="1", type="string"),), SETTING.format(key="a", value="2", type="string"),
     "system_settings_key_key"),
    ((), SETTING.format(key=" ", value="1", type="string"), "system_settings_key_check"),
    ((), SETTING.format(key="a", value="1", type="float"), "system_settings_type_check"),
    ((), "insert into settings_changes (setting_key, action) values ('a', 'guess')", "settings_changes_action_check"),
    ((), "insert into audit_log (action, entity) values ('', 'users')", "audit_log_action_check"),
    ((), none(CLASS, year="2024-2025", code="7B"), "school_classes_academic_year_code_key"),
    ((), none(CLASS, year="2024-2026", code="9"), "school_classes_academic_year_check"),
    ((), none(CLASS, year="2024-25", code="9"), "school_classes_academic_year_check"),
    ((), none(CLASS, year="2024-2025", code=" "), "school_classes_code_check"),
    ((), CLASS.format(year="2024-2025", code="9", columns=", capacity", values=", 0"),
     "school_classes_capacity_check"),
    ((PROFILE.format(who=3, where=1, roll=1, reg="'R1'"),), PROFILE.format(who=3, where=2, roll=1, reg="null"),
     "student_profiles_student_id_key"),
    ((PROFILE.format(who=3, where=1, roll=1, reg="'R1'"),), PROFILE.format(who=4, where=1, roll=1, reg="null"),
     "student_profiles_class_id_roll_number_key"),
    ((PROFILE.format(who=3, where=1, roll=1, reg="'R1'"),), PROFILE.format(who=4, where=1, roll=2, reg="'R1'"),
     "student_profiles_reg_no_key"),
    ((), PROFILE.format(who=3, where=1, roll=0, reg="null"), "student_profiles_roll_number_check"),
    ((GUARDIAN.format(who=1, whom=3, what="mother", first="false"),),
     GUARDIAN.format(who=1, whom=3, what="aunt", first="false"), "guardianships_guardian_id_student_id_key"),
    ((GUARDIAN.format(who=1, whom=3, what="mother", first="true"),),
     GUARDIAN.format(who=2, whom=3, what="father", first="true"), "ix_guardianships_student_id_primary"),
    ((), GUARDIAN.format(who=3, whom=3, what="self", first="false"), "guardianships_guardian_id_check"),
    ((), GUARDIAN.format(who=1, whom=3, what=" ", first="false"), "guardianships_relation_check"),
    ((JOINED.format(joined="2025-01-01", left="null"),), JOINED.format(joined="2025-02-01", left="null"),
     "ix_enrollments_student_id_class_id_open"),
    ((), JOINED.format(joined="2025-02-01", left="'2025-01-31'"), "enrollments_left_on_check"),
    ((A_FEE,), FEE.format(id=2, period="2025-01-01", amount=1), "fees_student_id_period_key"),
    ((), FEE.format(id=1, period="2025-01-02", amount=1), "fees_period_check"),
    ((), FEE.format(id=1, period="2025-01-01", amount=0), "fees_amount_due_check"),
    ((), FEE.format(id=1, period="2025-01-01", amount="'NaN'"), "fees_amount_due_check"),
    ((A_FEE, PAYMENT.format(amount=1, method="upi", columns=", upi_reference", values=", 'U1'")),
     PAYMENT.format(amount=1, method="upi", columns=", upi_reference", values=", 'U1'"), "payments_upi_reference_key"),
    ((A_FEE,), PAYMENT.format(amount=1, method="cash", columns=", upi_reference", values=", 'U1'"),
     "payments_upi_reference_check"),
    ((A_FEE,), none(PAYMENT, amount=1, method="cheque"), "payments_method_check"),
    ((A_FEE,), none(PAYMENT, amount="'NaN'", method="cash"), "payments_amount_check"),
    ((A_FEE,), PAYMENT.format(amount=1, method="cash", columns=", status", values=", 'lost'"),
     "payments_status_check"),
    ((A_FEE,), PAYMENT.format(amount=1, method="cash", columns=", status", values=", 'confirmed'"),
     "payments_confirmed_at_check"),
    ((A_FEE,), PAYMENT.format(amount=1, method="cash", columns=", confirmed_at", values=", now()"),
     "payments_confirmed_at_check"),
    ((A_FEE, none(PAYMENT, amount=1, method="cash")), "delete from fees", "payments_fee_id_fkey"),
    ((A_FEE,), "delete from users where id = 3", "fees_student_id_fkey"),
    ((), TEST.format(maximum=0), "tests_max_marks_check"),
    ((), TEST.format(maximum="'NaN'"), "tests_max_marks_check"),
    ((TEST.format(maximum=20),), MARK.format(marks=20.5), "marks_marks_check"),
    ((TEST.format(maximum=20),), MARK.format(marks=-1), "marks_marks_check"),
    ((TEST.format(maximum=20),), MARK.format(marks="'NaN'"), "marks_marks_check"),
    ((TEST.format(maximum=20), MARK.format(marks=5)), MARK.format(marks=6), "marks_test_id_student_id_key"),
    ((TEST.format(maximum=20), MARK.format(marks=5)), "delete from tests", "marks_test_id_max_marks_fkey"),
    ((TEST.format(maximum=20), MARK.format(marks=15)), "update tests set max_marks = 14", "marks_marks_check"),
    ((), none(NOTE), "notifications_target_check"),
    ((), NOTE.format(columns=", user_id, class_id", values=", 3, 1"), "notifications_target_check"),
    ((), NOTE.format(columns=", user_id, to_all", values=", 3, true"), "notifications_target_check"),
    ((), NOTE.format(columns=", class_id, to_all", values=", 1, true"), "notifications_target_check"),
    ((), NOTE.format(columns=", user_id, class_id, to_all", values=", 3, 1, true"), "notifications_target_check"),
    ((NOTE.format(columns=", to_all", values=", true"), "insert into notification_reads values (default, 1, 3)"),
     "insert into notification_reads values (default, 1, 3)", "notification_reads_notification_id_user_id_key"),
    ((), RESOURCE.format(kind="film", columns=", url", values=", 'x'"), "resources_kind_check"),
    ((), none(RESOURCE, kind="pdf"), "resources_url_check"),
    ((), LEDGER.format(amount=0, type="earned", source="manual"), "point_transactions_amount_check"),
    ((), LEDGER.format(amount="'NaN'", type="earned", source="manual"), "point_transactions_amount_check"),
    ((), LEDGER.format(amount="'-Infinity'", type="earned", source="manual"), "point_transactions_amount_check"),
    ((), LEDGER.format(amount=1, type="found", source="manual"), "point_transactions_type_check"),
    ((), LEDGER.format(amount=1, type="earned", source="street"), "point_transactions_source_check"),
    ((), ITEM.format(cost=0, stock=1), "shop_items_cost_check"),
    ((), ITEM.format(cost=1, stock=-1), "shop_items_stock_check"),
    ((ITEM.format(cost=1, stock=1),), REDEMPTION.format(columns=", cost", values=", 0"), "shop_redemptions_cost_check"),
    ((ITEM.format(cost=1, stock=1),), REDEMPTION.format(columns=", status", values=", 'gone'"),
     "shop_redemptions_status_check"),
    ((ITEM.format(cost=1, stock=1),), REDEMPTION.format(columns=", status", values=", 'refunded'"),
     "shop_redemptions_refunded_at_check"),
    ((ITEM.format(cost=1, stock=1), none(REDEMPTION)), "delete from shop_items", "shop_redemptions_item_id_fkey"),
    ((ITEM.format(cost=1, stock=1), LEDGER.format(amount=-1, type="spent", source="shop"),
      REDEMPTION.format(columns=", transaction_id", values=", 1")),
     REDEMPTION.format(columns=", transaction_id", values=", 1"), "shop_redemptions_transaction_id_key"),
    ((ITEM.format(cost=1, stock=1), LEDGER.format(amount=1, type="refunded", source="shop"),
      REDEMPTION.format(columns=", refund_transaction_id", values=", 1")),
     REDEMPTION.format(columns=", refund_transaction_id", values=", 1"), "shop_redemptions_refund_transaction_id_key"),
    ((), ENTRY.format(columns=", mood", values=", 'angry'"), "journal_entries_mood_check"),
    ((), ENTRY.format(columns=", tags", values=""", '"a"'"""), "journal_entries_tags_check"),
    ((), ENTRY.format(columns=", goals", values=", 'null'"), "journal_entries_goals_check"),
    ((), ENTRY.format(columns=", points_awarded", values=", -1"), "journal_entries_points_awarded_check"),
    ((), "update users set role = 'headmaster'", "users_role_check"),
    (TERM_GRADED, "update terms set term_type = 'year'", "terms_term_type_check"),
    ((ATTENDED.format(status="late"),), ATTENDED.format(status="present"), "attendance_records_student_id_date_key"),
    ((), ATTENDED.format(status="asleep"), "attendance_records_status_check"),
    (ASSIGNED, ASSIGNMENT.format(change="status = 'completed'"), "student_assignments_status_check"),
    (ASSIGNED, ASSIGNMENT.format(change="submission_method = 'pigeon'"),
     "student_assignments_submission_method_check"),
    (ASSIGNED, ASSIGNMENT.format(change="artifacts = '{}'"), "student_assignments_artifacts_check"),
    (ASSIGNED, ASSIGNMENT.format(change="due_date = '2025-01-02', extended_due_date = '2025-01-01'"),
     "student_assignments_extended_due_date_check"),
    *((ASSIGNED, ASSIGNMENT.format(change=f"{column} = {value}"), f"student_assignments_{column}_check")
      for column in ("points_earned", "percentage_grade") for value in ("-0.01", "'NaN'", "'Infinity'")),
    ((*ASSIGNED, ASSIGNMENT.format(change="status = 'graded'")), ASSIGNMENT.format(change="graded_at = null"),
     "student_assignments_graded_at_check"),
    *((TERM_GRADED, GRADE.format(change=f"{column} = {value}"), f"student_term_grades_{column}_check")
      for column in NUMBERS for value in ("-0.01", "'NaN'")),
    (TERM_GRADED, GRADE.format(change="finalized_at = now()"), "student_term_grades_finalized_at_check"),
    ((*TERM_GRADED, GRADE.format(change="is_finalized = true")), GRADE.format(change="finalized_at = null"),
     "student_term_grades_finalized_at_check"),
    (ASSIGNED, MINUTES.format(minutes=0), "assignment_time_entries_minutes_check"),
    (ASSIGNED, MINUTES.format(minutes=1441), "assignment_time_entries_minutes_check"),
    ((*ASSIGNED, LISTED), LISTED, "lesson_assignments_lesson_id_assignment_template_id_key"),
    ((none(WITHDRAWAL),), none(WITHDRAWAL), "ix_withdrawal_requests_student_id_pending"),
    ((), WITHDRAWAL.format(columns=", status", values=", 'approved'"), "withdrawal_requests_processed_at_check"),
    ((), WITHDRAWAL.format(columns=", processed_at", values=", now()"), "withdrawal_requests_processed_at_check"),
    ((), WITHDRAWAL.format(columns=", status, processed_at", values=", 'lost', now()"),
     "withdrawal_requests_status_check"),
    *(((), SETTING.format(key="a", value=value, type=kind), "system_settings_value_check")
      for kind, value in (("boolean", "yes"), ("boolean", "TRUE"), ("integer", "1.0"), ("integer", "007"),
                          ("integer", ""), ("integer", "9" * 19), ("json", "{"), ("json", ""), ("json", "NaN"),
                          ("json", '{"a": "\\u0000"}'), ("json", "1e400000"))),
]  # fmt: skip

RULES = """
select conname::text
  from pg_constraint
  join pg_class on pg_class.oid = conrelid
 where contype in ('c', 'u')
   and relnamespace = 'public'::regnamespace
   and (exists (select from pg_attribute
                 where attrelid = conrelid and attidentity <> '' and atttypid = 'bigint'::regtype)
        or conname in ('users_failed_login_attempts_check', 'users_theme_check', 'users_external_id_key',
                       'users_role_check', 'terms_term_type_check')
        or relname in ('users', 'terms', 'subjects', 'term_subjects', 'assignment_templates', 'lessons',
                       'lesson_assignments', 'journal_entries', 'student_assignments', 'attendance_records',
                       'student_term_grades'))
   and relname not like 'migration%'
 union all
select relname
  from pg_index
  join pg_class on pg_class.oid = indexrelid
 where indisunique
   and (indpred is not null or indexprs is not null)
   and relnamespace = 'public'::regnamespace
"""


@pytest.mark.promise("T9")
@pytest.mark.parametrize(
    ("before", "breaking", "rule"), BROKEN, ids=[f"{n}-{case[2]}" for n, case in enumerate(BROKEN)]
)
def test_what_breaks_a_rule_is_refused(
    rolled_back: psycopg.Connection, before: tuple[str, ...], breaking: str, rule: str
) -> None:
    for statement in before:
        rolled_back.execute(statement.encode())
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        rolled_back.execute(breaking.encode())
    assert refused.value.diag.constraint_name == rule


def test_no_rule_is_without_its_case(rolled_back: psycopg.Connection) -> None:
    # id alone is unique already: that one is for the marks to point to; the second table nobody but the ledger writes;
    # the third rule is the existing database's own
    untried = {
        "tests_id_max_marks_key",
        "student_points_student_id_key",
        "student_term_grades_student_id_term_subject_id_key",
    }
    rules = {str(name) for (name,) in rolled_back.execute(RULES).fetchall()}
    assert rules == {rule for _, _, rule in BROKEN if not rule.endswith("_fkey")} | untried


KEPT: list[str] = [
    none(SESSION, hash="a"),
    KEY.format(prefix="p", hash="h", columns=", permissions, expires_at", values=", '[\"read\"]', now() + '1 day'"),
    *(SETTING.format(key=kind + value, value=value, type=kind)
      for kind, value in (("boolean", "true"), ("integer", "-12"), ("integer", "0"), ("string", ""),
                          ("json", "[1, {}]"), ("json", "null"))),
    CLASS.format(year="1999-2000", code="7B", columns=", stream, capacity", values=", 'science', 1"),
    "insert into student_profiles (student_id) values (3), (4)",
    "insert into marks (test_id, student_id, marks) select id, 3, 0 from tests",
    NOTE.format(columns=", to_all", values=", true"),
    "insert into notifications (id, title, user_id) values (2, 'x', 3)",
    "insert into notifications (id, title, class_id) values (3, 'x', 1)",
    ENTRY.format(columns=", mood, tags", values=", 'good', '[\"a\"]'"),
    WITHDRAWAL.format(columns=", status, processed_at", values=", 'rejected', now()"),
    none(WITHDRAWAL),
    JOINED.format(joined="2025-01-01", left="'2025-01-01'"),
    JOINED.format(joined="2025-02-01", left="null"),
    none(TERM),
    TERM.format(columns=", is_active", values=", true"),
    none(TERM),
    "update users set deleted_at = now() where id = 2",
    PERSON.format(email="TOM@x", username="TOM"),
    "update users set deleted_at = now() where username = 'TOM'",
    PERSON.format(email="tom@x", username="tom"),
    "update users set role = 'teacher' where id = 2",
    "update users set role = 'guardian' where id = 1",
    *ASSIGNED,
    ASSIGNMENT.format(change="status = 'graded', points_earned = 12.5, percentage_grade = 125"),  # extra credit
    ASSIGNMENT.format(change="due_date = '2025-01-02', extended_due_date = '2025-01-02', submission_method = 'paper'"),
    ASSIGNMENT.format(change="due_date = null, artifacts = '[{\"url\": \"x\"}]'"),
    *TERM_GRADED,
    GRADE.format(change="is_finalized = true, finalized_date = '2025-02-01', final_percentage = 104.5"),
    GRADE.format(change="is_finalized = false"),
]  # fmt: skip


def test_what_keeps_the_rules_goes_in(rolled_back: psycopg.Connection) -> None:
    for statement in KEPT:
        rolled_back.execute(statement.encode())


def test_a_prefix_may_be_used_again_after_its_key_was_switched_off(rolled_back: psycopg.Connection) -> None:
    for statement in (
        none(KEY, prefix="p", hash="a"), "update api_keys set is_active = false", none(KEY, prefix="p", hash="b")
    ):  # fmt: skip
        rolled_back.execute(statement.encode())


def test_settings_hold_json_that_jsonb_takes_on_every_server(database: Database) -> None:
    upgrade(database, "head")
    database.execute(SETTING.format(key="a", value='{"a": [1, 2.50]}', type="json"))
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute("""update system_settings set value = '{"trailing": 1,}'""")
