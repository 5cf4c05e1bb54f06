"""The models as a whole: equal to the revisions, commented, indexed, their relationships both ways and never lazy."""

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from ourschool import models
from surefoot.autogenerate import model_differences
from tests.support.databases import Database

OLD = {
    "users", "subjects", "terms", "term_subjects", "lessons", "assignment_templates", "lesson_assignments",
    "student_assignments", "attendance_records", "student_term_grades", "grade_history", "journal_entries",
}  # fmt: skip
MODELS = sorted((each.class_ for each in models.Base.registry.mappers), key=lambda each: each.__name__)
UNLED_FOREIGN_KEYS = """
select conrelid::regclass::text, conname::text
  from pg_constraint
 where contype = 'f'
   and connamespace = 'public'::regnamespace
   and not exists (
           select from pg_index
            where indrelid = conrelid and indkey[0] = conkey[1] and indisvalid and indpred is null
       )
"""
COVERED_INDEXES = """
select covered.indexrelid::regclass::text
  from pg_index covered
  join pg_index other
    on other.indrelid = covered.indrelid
   and other.indexrelid <> covered.indexrelid
   and other.indpred is null
   and other.indexprs is null
 where covered.indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
   and covered.indpred is null
   and covered.indexprs is null
   and not covered.indisunique
   and (other.indkey::smallint[])[0:covered.indnkeyatts - 1] = covered.indkey::smallint[]
"""


def test_the_models_and_the_revisions_make_equal_databases(school: Database) -> None:
    with school.engine().connect() as connection:
        assert model_differences.difference_from_models(connection, models.metadata).deviations == ()


def test_every_foreign_key_has_an_index_and_no_index_is_covered_by_another(school: Database) -> None:
    assert school.rows(UNLED_FOREIGN_KEYS) == []
    assert school.rows(COVERED_INDEXES) == []


def test_every_table_says_what_it_is_and_has_an_identity_key_of_bigint_where_it_is_new() -> None:
    for table in models.metadata.sorted_tables:
        assert table.comment, table.name
        (key,) = table.primary_key
        assert isinstance(key.type, sa.Integer if table.name in OLD else sa.BigInteger), table.name
        assert key.identity is not None, table.name


@pytest.mark.parametrize("model", MODELS, ids=lambda each: each.__name__)
def test_relationships_go_both_ways_and_load_nothing_unasked(model: type[models.Base]) -> None:
    mapper = sa.inspect(model)
    for relationship in mapper.relationships:
        assert relationship.back_populates, relationship
        assert relationship.lazy == "raise", relationship
    joined = [each.local_columns for each in mapper.relationships if each.direction is orm.MANYTOONE]
    for key in mapper.local_table.foreign_key_constraints:  # type: ignore[attr-defined]
        assert set(key.columns) in joined, f"{key.name} has no relationship"


def test_states_are_members_in_python_and_values_in_the_database(school: Database) -> None:
    with orm.Session(school.engine()) as session:
        pia = session.get_one(models.User, 3)
        pia.theme = models.Theme.DARK
        fee = models.Fee(student=pia, period=dt.date(2025, 1, 1), amount_due=Decimal("99.90"))
        fee.payments.append(models.Payment(amount=Decimal(50), method=models.PaymentMethod.UPI, upi_reference="U1"))
        session.add(fee)
        session.commit()
        assert session.scalars(sa.select(models.Payment)).one().method is models.PaymentMethod.UPI
        assert session.scalars(sa.select(models.Payment.status)).one() is models.PaymentStatus.PENDING
        with pytest.raises(sa.exc.InvalidRequestError, match="raise"):
            _ = session.scalars(sa.select(models.Fee).execution_options(populate_existing=True)).one().payments
    assert school.rows("select theme, method, status from users, payments where users.id = 3") == [
        ("dark", "upi", "pending")
    ]
    with (
        pytest.raises(sa.exc.StatementError, match="'pink' is not a valid Theme"),
        orm.Session(school.engine()) as session,
    ):
        session.execute(sa.update(models.User).values(theme="pink"))


def test_deleting_through_the_session_leaves_the_rest_to_the_database(school: Database) -> None:
    """No row is loaded for it: what hangs on a pupil goes or is freed by its foreign key."""
    school.execute(
        "insert into point_transactions (student_id, amount, type, awarded_by) values (3, 5, 'earned', 2)",
        "insert into notifications (title, user_id) values ('x', 3)",
        "insert into student_profiles (student_id) values (3)",
    )
    with orm.Session(school.engine()) as session:
        session.delete(session.get_one(models.User, 3))
        session.commit()
    assert school.rows("select id from point_transactions union all select id from notifications") == []
