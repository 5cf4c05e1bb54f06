"""Rows that come while a school is on the way: one for every table that is there, valid at each revision.

What was given is kept here, and held against what the database says of it later, whatever types the columns have then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from psycopg import sql

from tests.support.databases import Database

PERSON = {"hashed_password": "-", "first_name": "Nia", "last_name": "O'Niel \\ Ünal"}
TWELVE: dict[str, Mapping[str, str]] = {
    "users": PERSON | {
        "email": "new{n}@school.example", "username": "new{n}", "role": "student",
        "created_at": "2025-03-09 02:30:00.123456+00",
    },
    "subjects": {"name": "Subject {n}", "color": "#a0B1c2"},
    "terms": {
        "name": "Term {n}", "start_date": "2024-09-01", "end_date": "2025-01-31", "academic_year": "2024-2025",
        "is_active": "false", "created_by": "{users}",
    },
    "term_subjects": {"term_id": "{terms}", "subject_id": "{subjects}"},
    "lessons": {"title": "Lesson {n}", "scheduled_date": "2025-01-01"},
    "assignment_templates": {
        "name": "Page {n}", "subject_id": "{subjects}", "max_points": "12", "is_archived": "false",
        "assignment_type": "essay", "created_by": "{users}",
    },
    "lesson_assignments": {"lesson_id": "{lessons}", "assignment_template_id": "{assignment_templates}"},
    "student_assignments": {
        "template_id": "{assignment_templates}", "student_id": "{users}", "assigned_date": "2025-01-01",
        "assigned_by": "{users}", "status": "submitted", "points_earned": "10.1", "teacher_feedback": "ünï 'x' \\",
    },
    "student_term_grades": {
        "student_id": "{users}", "term_subject_id": "{term_subjects}", "current_percentage": "81.3",
    },
    "grade_history": {"student_term_grade_id": "{student_term_grades}", "field_name": "x", "changed_by": "{users}"},
    "journal_entries": {
        "student_id": "{users}", "author_id": "{users}", "title": "{n}", "content": "seen",
        "entry_date": "2025-01-02 03:04:05+00",
    },
    "attendance_records": {"student_id": "{users}", "date": "2025-01-01", "status": "late"},
}  # fmt: skip
"""Columns and values by table, in the order of the foreign keys; {n} is the stop, {users} the newest user's id."""
LATER: dict[str, Mapping[str, str]] = {
    "user_sessions": {"user_id": "{users}", "token_hash": "{n}", "ip_address": "::1/128"},
    "api_keys": {"user_id": "{users}", "name": "a", "prefix": "{n}", "key_hash": "{n}", "permissions": '["read"]'},
    "system_settings": {"key": "key{n}", "value": "[1]", "type": "json"},
    "audit_log": {"actor_id": "{users}", "action": "a", "entity": "users", "after": '{{"a": null}}'},
    "school_classes": {"academic_year": "2024-2025", "code": "{n}", "name": "Class {n}"},
    "student_profiles": {"student_id": "{users}", "class_id": "{school_classes}", "reg_no": "R{n}"},
    "guardianships": {"guardian_id": "1", "student_id": "{users}", "relation": "aunt"},
    "enrollments": {"student_id": "{users}", "class_id": "{school_classes}"},
    "fees": {"student_id": "{users}", "period": "2025-01-01", "amount_due": "99.9"},
    "payments": {"fee_id": "{fees}", "amount": "99.9", "method": "upi", "upi_reference": "U{n}"},
    "tests": {"title": "Test {n}", "subject_id": "{subjects}", "held_on": "2025-01-10", "max_marks": "20"},
    "marks": {"test_id": "{tests}", "student_id": "{users}", "marks": "19.5"},
    "notifications": {"title": "{n}", "user_id": "{users}"},
    "notification_reads": {"notification_id": "{notifications}", "user_id": "{users}"},
    "resources": {"title": "Atlas {n}", "kind": "link", "url": "https://example.org/{n}"},
    "point_transactions": {"student_id": "{users}", "amount": "10.5", "type": "earned", "awarded_by": "{users}"},
    "shop_items": {"name": "Pencil {n}", "cost": "3"},
    "shop_redemptions": {
        "student_id": "{users}", "item_id": "{shop_items}", "transaction_id": "{point_transactions}",
    },
    "journal_replies": {"entry_id": "{journal_entries}", "author_id": "{users}", "content": "well done"},
    "assignment_time_entries": {"assignment_id": "{student_assignments}", "minutes": "30"},
    "withdrawal_requests": {"student_id": "{users}", "reason": "moving"},
}  # fmt: skip
"""The same for tables that the way brings."""
TABLES = TWELVE | LATER
THERE = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"


@dataclass
class Arrivals:
    """All that has come so far: by table and id, what was given for each column."""

    given: dict[str, dict[int, dict[str, str]]] = field(default_factory=lambda: {table: {} for table in TABLES})
    stops: int = 0

    def arrive(self, database: Database) -> None:
        """One more row in every table that is there."""
        self.stops += 1
        there = {table for (table,) in database.rows(THERE)}
        keys: dict[str, int] = {}
        with database.connect() as connection:
            for table, columns in TABLES.items():
                if table not in there:
                    continue
                values = {name: value.format(n=self.stops, **keys) for name, value in columns.items()}
                insert = sql.SQL("insert into {} ({}) values ({}) returning id").format(
                    sql.Identifier(table), _names(values), sql.SQL(", ").join(map(sql.Literal, values.values()))
                )
                found = connection.execute(insert).fetchone()
                assert found is not None
                keys[table] = found[0]
                self.given[table][found[0]] = values

    def lost(self, database: Database) -> list[str]:
        """What came and is not as it was given: a line for each row, of the tables that are there."""
        there = {table for (table,) in database.rows(THERE)}
        return [line for table in TABLES if table in there for line in self._lost(database, table)]

    def _lost(self, database: Database, table: str) -> Iterator[str]:
        with database.connect() as connection:
            connection.execute("set time zone 'UTC'")
            query = sql.SQL("select id, {} from {}").format(_texts(TABLES[table]), sql.Identifier(table))
            found = {row[0]: row[1:] for row in connection.execute(query).fetchall()}
        for key, values in self.given[table].items():
            if key not in found:
                yield f"{table} {key} is gone"
            elif tuple(map(_alike, found[key])) != tuple(map(_alike, values.values())):
                yield f"{table} {key} is {found[key]} and was given {tuple(values.values())}"


def _names(columns: Mapping[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _texts(columns: Mapping[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)


def _alike(text: str | None) -> object:
    """A number by its value, and an instant of UTC with or without its zone."""
    try:
        return float(text or "")
    except ValueError:
        return None if text is None else text.removesuffix("+00")
