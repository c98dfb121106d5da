"""Who may do what, and which pages may call at all (docs/decisions/0005)."""

import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr, ValidationError
from websockets.exceptions import InvalidStatus

from app.settings import Settings
from schema.build import build_schema
from schema.permissions import AdminOnly
from tests.service.sockets import opened, subscribed
from tests.support.service import RunningService, running_pair

END = "mutation { endKiteSession { authenticated } }"
LOGIN = 'mutation { completeKiteLogin(requestToken: "0123456789abcdef0123456789abcdef") { authenticated } }'
SESSION = "{ kiteSession { authenticated } }"
ADMIN = "a token of the administrator"
FOREIGN = "https://evil.example"
LOCAL = "http://localhost:5173"


def test_every_mutation_declares_its_permission() -> None:
    """A new one that forgets it fails here."""
    mutation = build_schema().get_type_by_name("Mutation")
    assert mutation is not None
    fields = mutation.fields  # type: ignore[union-attr] # an object type has fields

    assert [field.python_name for field in fields if AdminOnly not in field.permission_classes] == []
    assert len(fields) >= 2


async def test_mutations_need_the_admin_token_where_one_is_set(tmp_path: Path) -> None:
    """Over HTTP by the header, over a socket by either; queries and subscriptions need nothing."""
    async with running_pair(tmp_path, admin_token=SecretStr(ADMIN)) as (service, sandbox):
        for wrong in ({}, bearer("wrong"), {"authorization": ADMIN}, bearer(ADMIN + "x"), bearer("x")):
            for mutation in (END, LOGIN):
                assert_forbidden(await service.ask(mutation, headers=wrong))
            assert (await service.ask(SESSION, headers=wrong))["data"]["kiteSession"]["authenticated"]
        assert_forbidden(await over_socket(service, END))
        assert_forbidden(await over_socket(service, END, params=bearer("wrong")))
        assert_forbidden(await over_socket(service, END, params={"authorization": {"no": "text"}}))
        assert_forbidden(await over_socket(service, END, params=bearer("")))
        assert (await over_socket(service, SESSION))["data"]["kiteSession"]["authenticated"]
        assert len(sandbox.parts.sessions) == 1, "nothing was ended"
        assert sandbox.count("session") == 1, "and nothing exchanged but the login's own"

        ended = await over_socket(service, END, params=bearer(ADMIN))
        assert ended["data"]["endKiteSession"] == {"authenticated": False}
        again = await service.ask(END, headers={"Authorization": f"bearer {ADMIN}"})
        assert again["data"]["endKiteSession"] == {"authenticated": False}
        by_header = await over_socket(service, END, additional_headers=bearer(ADMIN))
        assert by_header["data"]["endKiteSession"] == {"authenticated": False}


def bearer(token: str) -> dict[str, str]:
    """The header, which is also the payload of connection_init."""
    return {"authorization": f"Bearer {token}"}


def assert_forbidden(response: Mapping[str, Any]) -> None:
    """The code, the remedy, and no data."""
    (error,) = response["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "Authorization: Bearer ADMIN_TOKEN" in error["message"]
    assert ADMIN not in str(response)
    assert response["data"] is None


async def over_socket(service: RunningService, query: str, **options: Any) -> dict[str, Any]:
    """The result of an operation on a socket of its own."""
    async with subscribed(service, query, options=options) as stream:
        return await stream.result()


async def test_pages_of_foreign_origins_are_kept_out(tmp_path: Path) -> None:
    """Of sockets by the Origin, of reading answers by CORS, of sending JSON by the preflight."""
    async with running_pair(tmp_path, login=False) as (service, _):
        for origin in (FOREIGN, "null", "http://localhost.evil.example", "https://localhost:5173@evil.example"):
            with pytest.raises(InvalidStatus) as refused:
                async with opened(service, origin=origin):
                    pytest.fail(f"{origin} got a socket")
            assert refused.value.response.status_code == 403
            assert "access-control-allow-origin" not in (await asked(service, origin)).headers
            preflight = await asked_first(service, origin)
            assert preflight.status_code == 400
            assert "access-control-allow-origin" not in preflight.headers
        for origin in (LOCAL, service.url, "http://127.0.0.1"):
            async with opened(service, origin=origin) as stream:
                assert stream.ws.subprotocol == "graphql-transport-ws"
            answer = await asked(service, origin)
            assert answer.headers["access-control-allow-origin"] == origin
            assert "origin" in answer.headers["vary"].lower()
            assert "access-control-allow-credentials" not in answer.headers
            preflight = await asked_first(service, origin)
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            assert "content-type" in preflight.headers["access-control-allow-headers"].lower()


async def asked(service: RunningService, origin: str) -> httpx.Response:
    """A query, as a page of this origin sends it."""
    return await service.client.post("/graphql", json={"query": SESSION}, headers={"origin": origin})


async def asked_first(service: RunningService, origin: str) -> httpx.Response:
    """The preflight, with which a browser asks whether the page may send JSON."""
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,authorization",
    }
    return await service.client.options("/graphql", headers=headers)


async def test_what_a_page_can_send_without_a_preflight_is_no_request(tmp_path: Path) -> None:
    """A form of a foreign page must not end a session."""
    async with running_pair(tmp_path) as (service, _):
        body = '{"query": "mutation { endKiteSession { authenticated } }"}'
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain;application/json",
            "",
        ):
            answer = await service.client.post("/graphql", content=body, headers={"content-type": kind})
            assert answer.status_code == 415, kind
            assert "Content-Type: application/json" in answer.json()["errors"][0]["message"]
        got = await service.client.get("/graphql", params={"query": END})
        assert got.status_code == 405
        assert (await service.ask(SESSION))["data"]["kiteSession"]["authenticated"]


async def test_foreign_host_names_are_refused_on_loopback(tmp_path: Path) -> None:
    """A foreign page that points its own name at 127.0.0.1 is of the same origin for the browser, and not for us."""
    async with running_pair(tmp_path, login=False, public_url="https://kite.example/") as (service, _):
        port = service.settings.service_port
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "",
            "[",
            "localhost@evil.example",
        ):
            for path in ("/graphql", "/health/live", "/auth/kite/login", "/metrics"):
                assert await anyio.to_thread.run_sync(status_of, port, path, host) == 400, (host, path)
        for host in (f"127.0.0.1:{port}", "localhost", "[::1]:8179", "LOCALHOST", "kite.example"):
            assert await anyio.to_thread.run_sync(status_of, port, "/health/live", host) == 200, host


def status_of(port: int, path: str, host: str) -> int:
    """Status of a GET with this Host header. Blocks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_listening_beyond_loopback_needs_the_admin_token() -> None:
    """The refusal names both remedies."""
    for host in ("0.0.0.0", "192.168.1.5", "::", "my-laptop"):  # noqa: S104 - not bound
        with pytest.raises(ValidationError, match=r"open to other machines: set ADMIN_TOKEN or use 127\.0\.0\.1"):
            Settings(service_host=host)
        assert not Settings(service_host=host, admin_token=SecretStr(ADMIN)).is_loopback
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert Settings(service_host=host).is_loopback


def test_empty_admin_token_is_none() -> None:
    """`ADMIN_TOKEN=` in an environment file must not make everyone who sends an empty one the administrator."""
    for blank in ("", "   "):
        assert Settings(admin_token=SecretStr(blank)).admin_token is None
        with pytest.raises(ValidationError, match="set ADMIN_TOKEN"):
            Settings(service_host="0.0.0.0", admin_token=SecretStr(blank))  # noqa: S104 - not bound
