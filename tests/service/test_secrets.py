"""No secret leaves the service: a whole run, its good and its bad moments, searched for every one of them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import orjson
import pytest
from pydantic import SecretStr

from app.http.login import CALLBACK_PATH, LOGIN_PATH
from app.logs import secrets_of
from app.parts import Timing
from app.redaction import Secrets
from app.settings import LogFormat, Settings
from tests.service.logs import process_log
from tests.service.sockets import subscribed
from tests.service.symbols import traded
from tests.service.test_live import FAST_MARKET, LIVE, QUICK, until
from tests.service.test_login import COLD_QUOTES, COMPLETE, END, SESSION
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService, free_port, running_service, sandbox_for

ADMIN = "admin-token-0b5f3a9d7c"
API_SECRET = "api-secret-8842f1c9de"
BAD_REQUEST_TOKEN = "f00dfacef00dfacef00dfacef00dface"


@dataclass
class Overheard:
    """Everything that somebody outside could read."""

    logs: io.StringIO
    answers: list[str] = field(default_factory=list)

    async def answered(self, answer: httpx.Response) -> None:
        """Keep the whole of an answer of ours; a hook of httpx."""
        await answer.aread()
        head = [f"{name}: {value}" for name, value in answer.headers.multi_items()]
        self.answers += [*head, answer.text]

    def finds(self, secret: str) -> list[str]:
        """Lines that hold the secret."""
        lines = [*self.logs.getvalue().splitlines(), *self.answers]
        return [line[:300] for line in lines if secret in line]


@pytest.fixture(params=LogFormat)
def overheard(request: pytest.FixtureRequest) -> Iterator[tuple[Overheard, Secrets]]:
    """What a process with LOG_LEVEL=DEBUG writes, and the secrets that it hides."""
    secrets = secrets_of(Settings(kite_api_secret=SecretStr(API_SECRET), admin_token=SecretStr(ADMIN)))
    with process_log(secrets, level="DEBUG", log_format=request.param) as stream:
        yield Overheard(stream), secrets


async def test_no_secret_is_written_or_answered(tmp_path: Path, overheard: tuple[Overheard, Secrets]) -> None:
    """Login, queries, subscriptions, faults, errors, two tokens' deaths, metrics: none of the six kinds is seen."""
    heard, secrets = overheard
    port = free_port()
    async with (
        sandbox_for(port, api_secret=API_SECRET, **FAST_MARKET) as sandbox,
        running_service(
            sandbox,
            tmp_path,
            port=port,
            login=False,
            secrets=secrets,
            timing=Timing(ticker=QUICK),
            admin_token=SecretStr(ADMIN),
            log_level="DEBUG",
        ) as service,
    ):
        service.client.event_hooks["response"].append(heard.answered)
        used = await a_whole_day(service, sandbox)
        key = (await anyio.Path(tmp_path / "secrets.key").read_text()).strip()

    tokens = list(secrets._learnt)
    assert len(tokens) == 2
    assert len(heard.logs.getvalue().splitlines()) > 15
    assert "SELECT" not in heard.logs.getvalue(), "queries come with their parameters"
    assert "kite_session_began" in heard.logs.getvalue()
    assert any("kite_services_upstream_calls_total" in answer for answer in heard.answers)
    for secret in (*tokens, *used, API_SECRET, ADMIN, key):
        assert len(secret) >= 16
        assert heard.finds(secret) == []


async def a_whole_day(service: RunningService, sandbox: RunningSandbox) -> list[str]:
    """Everything that can happen with a token; the request_tokens that were used."""
    admin = {"authorization": f"Bearer {ADMIN}"}
    ids = traded(sandbox, 3)
    first = await log_in(service)
    async with subscribed(service, LIVE, options={"params": admin}, ids=[*ids, "NSE:INFYY"]) as stream:
        await until(stream, feed="LIVE", with_quotes=True)
        await service.ask(COLD_QUOTES, ids=ids)
        await break_upstream(service, sandbox, ids)
        await service.ask(COMPLETE, headers=admin, token=BAD_REQUEST_TOKEN)
        await service.ask(COMPLETE, headers={"authorization": f"Basic {ADMIN}"}, token=BAD_REQUEST_TOKEN)
        await service.client.post("/graphql", content=f'{{"query": "{ADMIN}', headers=admin)
        await service.client.get(f"/{ADMIN}?access_token={BAD_REQUEST_TOKEN}", headers=admin)

        await sandbox.fault("dead_token")
        await service.ask(COLD_QUOTES, ids=traded(sandbox, 3, skip=50))
        await until(stream, feed="LOGIN_REQUIRED")
        second = await sandbox.request_token()
        await sandbox.fault("garbage", path="/session", count=1)
        await service.ask(COMPLETE, headers=admin, token=await sandbox.request_token())
        done = await service.ask(COMPLETE, headers=admin, token=second)
        assert done["data"]["completeKiteLogin"]["authenticated"]
        await until(stream, feed="LIVE", with_quotes=True)
        await sandbox.fault("drop_socket")
        await until(stream, feed="LIVE", with_quotes=True)
    await service.ask(SESSION)
    await service.client.get("/health/ready")
    await service.ask(END, headers=admin)
    await service.client.get("/metrics")
    return [first, second, BAD_REQUEST_TOKEN]


async def log_in(service: RunningService) -> str:
    """By the path of a person; the request_token that came back in the address."""
    client = service.client
    begun = await client.get(LOGIN_PATH)
    form = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    state = form["redirect_params"] if "redirect_params" in form else form["state"]
    fields = {"api_key": form["api_key"], "redirect_params": form.get("redirect_params", f"state={state}")}
    async with httpx.AsyncClient(trust_env=False) as browser:
        sent = await browser.post(begun.headers["location"].partition("?")[0], data=fields)
    address = sent.headers["location"]
    request_token = parse_qs(urlsplit(address).query)["request_token"][0]
    assert CALLBACK_PATH in address
    assert (await client.get(address)).status_code == 200
    assert (await client.get(address)).status_code == 400
    return request_token


async def break_upstream(service: RunningService, sandbox: RunningSandbox, ids: list[str]) -> None:
    """Errors of every layer of the way up, and one that nobody foresaw."""
    await sandbox.fault("garbage", path="/quote", count=1)
    await service.ask(COLD_QUOTES, ids=ids)
    await sandbox.fault("html_502", path="/instruments", count=1)
    await service.ask('{ candles(id: "NSE:INFY", interval: DAY, last: 5) { count } }')
    await sandbox.fault("http_error", path="ticker", status=500, count=2)
    await sandbox.fault("drop_socket")
    sandbox.parts.ticker.push(orjson.dumps({"type": "error", "data": f"no such token {ADMIN}"}).decode())
