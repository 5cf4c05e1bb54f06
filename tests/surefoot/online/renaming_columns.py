"""A school in which a column is renamed: with what hangs on one, and awkward values."""

SCHOOL = """
create type mood as enum ('glad', 'sad');
create table terms (code text primary key);
insert into terms values ('t1'), ('t2'), ('t3');
create table pupils (
    id bigint generated always as identity primary key,
    name text collate "C" not null default 'Ü' check (name <> ''),
    term text default 't1' references terms on update cascade on delete set null,
    worth numeric(8, 2),
    parts json default '{"a":  1}',
    mood mood default 'glad',
    seen timestamptz default now(),
    made double precision default random(),
    number serial,
    note text,
    twice numeric generated always as (worth * 2) stored,
    unique (name, term)
);
create unique index ix_worth on pupils (worth, lower(name)) where worth > 0;
create index ix_name on pupils (name desc nulls last) include (mood);
create statistics together on name, worth from pupils;
comment on column pupils.name is 'what the school calls the pupil';
comment on constraint pupils_name_check on pupils is 'not nobody';
alter table pupils alter name set statistics 500;
create view glad as select id, name from pupils where mood = 'glad';
create function touched() returns trigger language plpgsql as $$ begin new.note := now(); return new; end $$;
create trigger touched before update of number on pupils for each row execute function touched();
insert into pupils (name, term, worth, parts, seen)
select 'Pupil ' || n, 't' || 1 + n % 3, n / 3.0, case when n % 4 > 0 then json_build_object('n', n) end,
       timestamptz '2025-03-30 00:30Z' + n * interval '1 hour'
  from generate_series(1, 1200) as n;
insert into pupils (name, term, worth, parts, seen) values
    (E'a\\tb\\n\\\\', null, 'NaN', '{"a": 1, "a": 2}', 'infinity'), (repeat('x', 3000), 't2', null, 'null', null);
"""
AWKWARD = """
create schema if not exists "Old";
create type "Old"."Level" as enum ('low', 'High');
create table "Pupils' Marks ü" (
    "Id" integer primary key, "Points %s" "Old"."Level"[] not null default '{High}', "$rename$" bytea
);
insert into "Pupils' Marks ü" ("Id", "$rename$") select n, decode('00ff', 'hex') from generate_series(1, 30) as n;
create index "By Points" on "Pupils' Marks ü" (("Points %s"[1])) where "$rename$" is not null;
"""
