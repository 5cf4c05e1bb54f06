"""A server that refuses a connection in its own language is understood by its SQLSTATE."""

import socket
import threading
from collections.abc import Iterator

import pytest

from surefoot import database as ours
from surefoot.errors import ConnectFailed, ServerUnavailable
from surefoot.servers import refusal
from tests.support.databases import Database
from tests.surefoot.roles.people import Role, role

SAYS = {
    "28P01": ("Passwort-Authentifizierung für Benutzer »o« fehlgeschlagen", "rejected the user 'o' or its"),
    "3D000": ("Datenbank »d« existiert nicht", "There is no database 'd' at"),
    "53300": ("zu viele Verbindungen von Rolle »o«", "has no connection free"),
    "57P03": ("das Datenbanksystem startet", "is starting or stopping"),
    "28000": ("kein pg_hba.conf-Eintrag", "Cannot connect to .*: .*kein pg_hba.conf-Eintrag"),
}
TLS_ASKED = 80877103


class German:
    """Refuses everybody in German, as PostgreSQL does."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.state = ""

    def serve(self) -> None:
        """Until the socket is closed."""
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client:
                self._refuse(client)

    def _refuse(self, client: socket.socket) -> None:
        while (first := client.recv(8)) and int.from_bytes(first[4:]) == TLS_ASKED:
            client.sendall(b"N")
        client.recv(int.from_bytes(first[:4]))
        fields = f"SFATAL\0VFATAL\0C{self.state}\0M{SAYS[self.state][0]}\0\0".encode()
        client.sendall(b"E" + (len(fields) + 4).to_bytes(4) + fields)


@pytest.fixture
def german() -> Iterator[tuple[German, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = German(listening)
        threading.Thread(target=server.serve, daemon=True).start()
        yield server, listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("state", SAYS)
def test_what_it_refuses_is_said_as_it_is(german: tuple[German, int], state: str) -> None:
    server, port = german
    server.state = state
    url = ours.parse(f"postgresql://o:s3cret@127.0.0.1:{port}/d")
    with pytest.raises(ConnectFailed, match=SAYS[state][1]) as refused:
        ours.check_reachable(ours.engine_for(url, application_name="test"))
    assert isinstance(refused.value, ServerUnavailable) == (state == "57P03")
    assert "s3cret" not in str(refused.value)


@pytest.fixture
def somebody(scratch: Database) -> Iterator[Role]:
    with role(scratch) as made:
        yield made


def test_a_real_server_is_understood(somebody: Role) -> None:
    url = somebody.here.url
    assert refusal.sqlstate(url) is None
    assert refusal.sqlstate(url.set(password="another")) == "28P01"
    assert refusal.sqlstate(url.set(database="no such")) == "3D000"
    assert refusal.sqlstate(url.set(port=1)) is None
