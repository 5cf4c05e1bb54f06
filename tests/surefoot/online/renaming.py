"""A school in which a table is renamed: with what hangs on one, and rows."""

SCHOOL = """
create type mood as enum ('glad', 'sad');
create table terms (id integer primary key, name text);
create table pupils (
    id bigint generated always as identity primary key,
    number serial,
    term_id integer references terms (id),
    name text not null default 'Ü' check (name <> ''),
    mood mood default 'glad',
    twice integer generated always as (number * 2) stored,
    unique (name, term_id)
);
create table visits (id integer primary key, pupil_id bigint not null references pupils on delete cascade);
create view glad as select id from pupils where mood = 'glad';
create function touched() returns trigger language plpgsql as
    $$ begin new.name := new.name || '.'; return new; end $$;
create trigger touched before update of name on pupils for each row execute function touched();
insert into terms values (1, 'first');
insert into pupils (term_id, name) select 1, 'Pupil ' || n from generate_series(1, 20) as n;
insert into visits select n, n from generate_series(1, 20) as n;
"""
