"""The URL rules, what is shown of a URL, and what libpq is handed."""

import subprocess
from pathlib import Path
from urllib.parse import quote

import hypothesis
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from surefoot import database as ours
from surefoot.errors import ConnectFailed, UsageError
from surefoot.servers import hosts, libpq
from tests.support.databases import Database

PATIENT = hypothesis.settings(deadline=None)
AWKWARD = st.sampled_from("p% @:/#?&=+'\"\\ü")
ANY = st.text(AWKWARD | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
SECRET = "s3cret-of-ours"


@pytest.mark.promise("O5")
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_means_psycopg_3(scheme: str) -> None:
    url = ours.parse(f"{scheme}://u:p@h:5433/school")
    assert url == URL.create("postgresql+psycopg", "u", "p", "h", 5433, "school")


@pytest.mark.promise("O5")
@PATIENT
@given(user=ANY, password=ANY, name=ANY)
def test_percent_encoded_parts_come_back_as_they_were(user: str, password: str, name: str) -> None:
    url = ours.parse(f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h/{quote(name, safe='')}")
    assert (url.username, url.password, url.database) == (user, password, name)


@pytest.mark.promise("O5")
@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("postgresql://u:p%ss@h/db", "p%ss"),
        ("postgresql://u:pa/ss@h/db", "pa/ss"),
        ("postgresql://u:pa#ss@h/db", "pa#ss"),
        ("postgresql://u:pa?ss@h/db", "pa?ss"),
        ("postgresql://u:pa:ss@h/db", "pa:ss"),
        ("postgresql://u:pa ss@h/db", "pa ss"),
        ("postgresql://u:paüß@h/db", "paüß"),
        ("postgresql://u@h/db", None),
    ],
)
def test_what_is_typed_without_encoding_works_where_it_is_clear(text: str, password: str | None) -> None:
    assert ours.parse(text).password == password


@pytest.mark.promise("O5")
@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://u:{SECRET}@x@h/db",
        f"postgresql://u:{SECRET}@x/y@h/db",
        f"postgresql://u:x@{SECRET}?y@h/db",
        f"postgresql://u/x:{SECRET}@h/db",
        f"postgresql://u:{SECRET}@h:port/db",
        f"postgresql://u:{SECRET}/db",
        f"postgresql://u:{SECRET}",
        f"postgresql:/u:{SECRET}@h/db",
        f"postgresql//u:{SECRET}@h/db",
        f"u:{SECRET}@h/db",
        f"mysql://u:{SECRET}@h/db",
        f"sqlite:///x?password={SECRET}",
        f"postgresql://u:{SECRET}@h",
        f"postgresql://u:{SECRET}@h/?sslmode=require",
    ],
)
def test_what_is_refused_is_shown_without_its_password(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        ours.parse(text)
    assert SECRET not in str(refused.value)
    assert refused.value.message.startswith("DATABASE_URL ")
    assert "postgresql://user:password@host:5432/database" in refused.value.remedy


@pytest.mark.promise("O5")
@PATIENT
@given(
    user=st.text("abcüß_%", max_size=5),
    password=ANY,
    rest=st.sampled_from(["h/db", "h:5/db?a=b", "h:x", "", "[::1]/d"]),
)
def test_no_password_is_ever_shown(user: str, password: str, rest: str) -> None:
    marked = f"{SECRET}{password}{SECRET}"
    for text in (
        f"postgresql://{user}:{marked}@{rest}",
        f"{user}:{marked}@{rest}",
        f"postgresql://{rest}?password={marked}",
        f"host=h password={marked}",
    ):
        assert SECRET not in ours.hide_password(text)


def test_what_is_no_secret_is_shown() -> None:
    assert (
        ours.hide_password("postgresql://u:p@h:5432/db?sslmode=require")
        == "postgresql://u:***@h:5432/db?sslmode=require"
    )
    for plain in ("postgresql://u@h:5432/db", "postgresql://h:5432/db", "sqlite:///school.db", "school"):
        assert ours.hide_password(plain) == plain


@pytest.mark.promise("O5", "O9")
@PATIENT
@given(user=ANY, password=ANY, name=ANY, options=ANY)
def test_libpq_reads_its_url_as_it_was_meant(user: str, password: str, name: str, options: str) -> None:
    url = URL.create("postgresql+psycopg", user, password, "h", 5433, name, query={"options": options})
    assert psycopg.conninfo.conninfo_to_dict(libpq.connection_uri(url)) == {
        "user": user, "password": password, "host": "h", "port": "5433", "dbname": name, "options": options,
    }  # fmt: skip


@pytest.mark.promise("O5")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:p@h/db", "postgresql://u:p@h/db"),
        ("postgresql:///db?host=/run/a b", "postgresql:///db?host=%2Frun%2Fa%20b"),
        ("postgresql://u@[::1]:5/db", "postgresql://u@/db?host=%3A%3A1&port=5"),
        ("postgresql://u@/db?host=h1:1&host=h2:2", "postgresql://u@/db?host=h1%2Ch2&port=1%2C2"),
        ("postgresql://:p@h/db?sslmode=require", "postgresql://:p@h/db?sslmode=require"),
    ],
)
def test_query_parameters_pass_through(text: str, expected: str) -> None:
    assert libpq.connection_uri(ours.parse(text)) == expected


@pytest.mark.promise("O9")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me@%2Fvar%2Frun%2Fpostgresql:5433/db", {"host": "/var/run/postgresql", "port": "5433"}),
        ("postgresql://h/db?user=me&password=a+b%20c", {"user": "me", "password": "a+b c"}),
        ("postgresql://me@h/db?sslrootcert=/etc/c++/ca.crt", {"sslrootcert": "/etc/c++/ca.crt"}),
        ("postgresql://me@h/db?options=-c+search_path%3Dschool", {"options": "-c search_path=school"}),
        ("postgresql://me@h/db?options=-c+lock_timeout%3D1&application_name=a+b", {"options": "-c lock_timeout=1"}),
        ("postgresql://me@h/db?sslmode=disable&sslmode=prefer", {"sslmode": "prefer"}),
        ("postgresql://me@[::1]:5433/db?connect_timeout=3", {"host": "::1", "port": "5433"}),
    ],
)
def test_a_url_is_read_as_psql_reads_it(text: str, expected: dict[str, str]) -> None:
    assert expected.items() <= libpq.parameters(ours.parse(text)).items()
    assert ours.parse(hosts.written(ours.parse(text))) == ours.parse(text)


@pytest.mark.parametrize("query", ["foo=bar", "connect_timeout=soon"])
def test_what_libpq_does_not_know_is_a_matter_of_the_url(query: str) -> None:
    url = ours.parse(f"postgresql://me@127.0.0.1:1/db?{query}")
    with pytest.raises(ConnectFailed, match=f"Cannot connect to 127.0.0.1:1: .*{query.partition('=')[0]}") as refused:
        ours.check_reachable(ours.engine_for(url, application_name="test"))
    assert refused.value.remedy == "Correct DATABASE_URL, or what the server says."


def test_a_role_that_the_url_does_not_name_is_named(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "nobody at all")
    url = ours.parse(f"postgresql://127.0.0.1:{scratch.server.port}/postgres?password=y")
    with pytest.raises(ConnectFailed, match="rejected the user 'nobody at all' or its password"):
        ours.check_reachable(ours.engine_for(url, application_name="test"))


def test_pg_dump_takes_the_url_and_the_environment(at_password: URL, scratch: Database) -> None:
    scratch.execute("create table kept (id integer)", "grant select on kept to public")
    dump = [str(scratch.server.bin / "pg_dump"), "--schema-only"]
    by_url = subprocess.run([*dump, libpq.connection_uri(at_password)], capture_output=True, text=True, check=True)
    by_environment = subprocess.run(
        dump, env=libpq.process_environment(at_password), capture_output=True, text=True, check=True
    )
    assert "CREATE TABLE public.kept" in by_url.stdout
    assert "CREATE TABLE public.kept" in by_environment.stdout


@pytest.mark.promise("O7")
def test_options_of_ours_and_of_the_url_merge_and_the_urls_win(at_password: URL) -> None:
    url = at_password.set(query={"options": "-c work_mem=7MB -c lock_timeout=11"})
    engine = ours.engine_for(url, application_name="ours", options={"lock_timeout": "22", "statement_timeout": "33"})
    with engine.connect() as connection:
        shown = {
            name: connection.execute(sa.text(f"show {name}")).scalar_one()
            for name in ("work_mem", "lock_timeout", "statement_timeout", "application_name")
        }
    assert shown == {
        "work_mem": "7MB", "lock_timeout": "11ms", "statement_timeout": "33ms", "application_name": "ours",
    }  # fmt: skip


@pytest.mark.promise("O7")
def test_the_name_of_the_application_in_the_url_wins(at_password: URL) -> None:
    url = at_password.update_query_dict({"application_name": "a school"})
    with ours.engine_for(url, application_name="ours").connect() as connection:
        assert connection.execute(sa.text("show application_name")).scalar_one() == "a school"


def test_the_environment_holds_nothing_of_another_database(
    at_password: URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = tmp_path / "services.conf"
    services.write_text("[elsewhere]\ndbname=third\nuser=nobody\npassword=none\nhost=192.0.2.1\nport=1\n", "utf-8")
    monkeypatch.setenv("PGDATABASE", "another")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    environment = libpq.process_environment(at_password)
    assert environment["PGDATABASE"] == at_password.database
    assert environment["PGPASSWORD"] == at_password.password
    assert environment["PGUSER"] == at_password.username
    assert (environment["PGHOST"], environment["PGPORT"]) == (at_password.host, str(at_password.port))
    assert not {"PGSERVICE", "PGOPTIONS"} & environment.keys()


def test_what_a_service_sets_stays_whatever_the_environment_has(
    at_password: URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = tmp_path / "services.conf"
    services.write_text("[elsewhere]\noptions=-c work_mem=5MB\napplication_name=of a service\n", "utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    monkeypatch.setenv("PGAPPNAME", "of the environment")
    environment = libpq.process_environment(at_password)
    assert (environment["PGOPTIONS"], environment["PGAPPNAME"]) == ("-c work_mem=5MB", "of a service")


@pytest.fixture
def at_password(scratch: Database) -> URL:
    """The database over TCP, for one who needs a password with every awkward character in it."""
    name, password = f"r_{scratch.url.database}", "p% @:/#?ü&=+'\"\\"
    with scratch.connect(autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("create role {} login password {}").format(
                psycopg.sql.Identifier(name), psycopg.sql.Literal(password)
            )
        )
    return scratch.server.over_tcp(name, password, str(scratch.url.database))
