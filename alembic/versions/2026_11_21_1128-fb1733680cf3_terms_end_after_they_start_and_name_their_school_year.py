"""terms end after they start and name their school year

Why: no day is in a term that ends before it starts, and '2024-25' and '2024-2025' were two school years in each list.
Locks: rows that are mended; ACCESS EXCLUSIVE on terms for milliseconds for each CHECK, which is validated while terms
are read and written.
Data: dates the wrong way round change places, a term of one day ends on the next; '2024-25', '2024/2025' and the like
become '2024-2025', and of another text the school year in which the term starts, from August on. The run says which,
and retired.terms_mended_fb1733680cf3 keeps what they had.
Way back: the rules go; what was mended comes back in rows that were not changed since; of others it stays where it is
kept.

Revision ID: fb1733680cf3
Revises: 0566a6ec89d0
Create Date: 2026-11-21 11:28:00+00:00
"""

from alembic import op

revision = "fb1733680cf3"
down_revision = "0566a6ec89d0"
branch_labels = None
depends_on = None

CHECKS = {
    "terms_end_date_check": "end_date > start_date",
    "terms_academic_year_check": (
        "case when academic_year ~ '^[0-9]{4}-[0-9]{4}$'"
        " then right(academic_year, 4)::integer = left(academic_year, 4)::integer + 1 else false end"
    ),
}
BROKEN = f"not ({CHECKS['terms_end_date_check']} and ({CHECKS['terms_academic_year_check']}))"
SHOWN = """
jsonb_build_object(
    'start_date', terms.start_date, 'end_date', terms.end_date, 'academic_year', terms.academic_year
)
""".strip()
# 2024-25, 2024/2025 and the like are read; of any other text only the dates say which school year was meant.
MENDED = r"""
jsonb_build_object(
    'start_date', least(start_date, end_date),
    'end_date', greatest(start_date, end_date, least(start_date, end_date) + 1),
    'academic_year', (
        select format('%s-%s', lpad(first::text, 4, '0'), lpad((first + 1)::text, 4, '0'))
          from (
              select case
                         when academic_year ~ '^\s*[0-9]{4}\s*[-/\u2013]\s*([0-9]{2}|[0-9]{4})\s*$'
                          and substring(academic_year from '([0-9]{2})\s*$')::integer
                              = (substring(academic_year from '[0-9]{4}')::integer + 1) % 100
                             then substring(academic_year from '[0-9]{4}')::integer
                         else greatest(1, extract(year from begun - interval '7 months'))::integer
                     end as first
                from (
                    select case isfinite(start_date) and isfinite(end_date)
                               when true then least(start_date, end_date, '9998-12-31')
                               else date '2000-01-01'
                           end as begun
                ) as known
          ) as year
    )
)
""".strip()

KEPT = "retired.terms_mended_fb1733680cf3"
MEND = f"""
do $$
declare
    found integer;
    shown text;
begin
    if not exists (select from terms where {BROKEN}) then
        return;
    end if;
    create schema if not exists retired;
    create table if not exists {KEPT} (
        id integer,
        was jsonb not null,
        became jsonb not null,
        retired_at timestamptz default clock_timestamp(),
        left_at timestamptz,
        primary key (id, retired_at)
    );
    comment on table {KEPT} is 'terms whose dates or academic year broke the rules before fb1733680cf3';
    with broken as (
        select id, {SHOWN} as was, {MENDED} as became
          from terms
         where {BROKEN}
           for update
    ), kept as (
        insert into {KEPT} (id, was, became)
        select * from broken
     returning id, became
    )
    update terms
       set start_date = fit.start_date, end_date = fit.end_date, academic_year = fit.academic_year
      from kept
     cross join jsonb_populate_record(null::terms, became) as fit
     where terms.id = kept.id;
    select count(*),
           string_agg(format('%s %s', id, was), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (select id, was, row_number() over (order by id) as place from {KEPT} where left_at is null) as mended;
    raise warning 'terms: % ended before they started, or had no academic year like 2024-2025, and were mended; '
        'what they had is in {KEPT} (first ones: terms %)', found, shown;
end
$$
"""
GIVE_BACK = f"""
do $$
begin
    if to_regclass('{KEPT}') is null then
        return;
    end if;
    with given as (
        update terms
           set start_date = old.start_date, end_date = old.end_date, academic_year = old.academic_year
          from {KEPT} as kept
         cross join jsonb_populate_record(null::terms, was) as old
         where terms.id = kept.id
           and left_at is null
           and {SHOWN} = became
     returning terms.id
    )
    delete from {KEPT}
     where left_at is null
       and id in (select id from given);
    -- whoever has this key after the next way up may be another: what is left now is never given to anybody
    update {KEPT} set left_at = now() where left_at is null;
    if not exists (select from {KEPT}) then
        drop table {KEPT};
    end if;
    if not exists (select from pg_class where relnamespace = 'retired'::regnamespace) then
        drop schema retired;
    end if;
end
$$
"""


def upgrade() -> None:
    op.execute(MEND)
    for name, condition in CHECKS.items():
        op.add_check_online(name, "terms", condition)


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint_online(name, "terms")
    # lint: backfill-in-one-statement, loses-data only rows that were mended; what is deleted has just been given back
    op.execute(GIVE_BACK)
