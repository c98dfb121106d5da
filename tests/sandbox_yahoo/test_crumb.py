"""The cookie, the consent form, and the crumb that belongs to the cookie."""

import re

import pytest

from tests.sandbox_yahoo.client import YahooClient
from tests.support.sandbox import RunningSandbox, plain_client


async def test_there_is_no_crumb_without_the_cookie(sandbox: RunningSandbox) -> None:
    """401 in Yahoo's envelope."""
    async with plain_client(base_url=sandbox.url) as http:
        answer = await http.get("/v1/test/getcrumb")

    assert (answer.status_code, answer.json()["finance"]["error"]["description"]) == (401, "Invalid Cookie")
    assert answer.headers["x-sandbox"] == "true"


async def test_the_cookie_page_answers_404_and_sets_the_cookie_once(sandbox: RunningSandbox) -> None:
    """As fc.yahoo.com does; a client that comes again keeps its cookie, and so its crumb."""
    async with plain_client(base_url=sandbox.url) as http:
        first = await http.get("/fc")
        crumb = (await http.get("/v1/test/getcrumb")).text
        await http.get("/fc/")

        assert first.status_code == 404
        assert re.fullmatch(r"[A-Za-z0-9./]{10}", crumb)
        assert (await http.get("/v1/test/getcrumb")).text == crumb
    assert (sandbox.count("yahoo_cookie"), sandbox.count("yahoo_crumb")) == (2, 2)


@pytest.mark.parametrize("root", ["guce", "consent"])
async def test_the_consent_form_gives_the_cookie_too(sandbox: RunningSandbox, root: str) -> None:
    """Two hidden fields, a form that is sent, and the cookie."""
    async with plain_client(base_url=sandbox.url) as http:
        page = (await http.get("/guce/consent")).text
        fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page))
        assert {"csrfToken", "sessionId"} <= set(fields)

        await http.post(f"/{root}/v2/collectConsent", params={"sessionId": fields["sessionId"]}, data=fields)
        await http.get(f"/{root}/copyConsent", params={"sessionId": fields["sessionId"]})
        assert (await http.get("/v1/test/getcrumb")).status_code == 200


@pytest.mark.parametrize("crumb", ["", "wrong"])
@pytest.mark.parametrize(
    "path", ["/v7/finance/quote?symbols=INFY.NS", "/v10/finance/quoteSummary/INFY.NS?modules=price"]
)
async def test_quotes_and_summaries_need_the_crumb(client: YahooClient, path: str, crumb: str) -> None:
    """401 in Yahoo's envelope; charts and the search go without."""
    answer = await client.http.get(path, params={"crumb": crumb})

    assert answer.status_code == 401
    assert answer.json() == {
        "finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}
    }
    assert (await client.charted("INFY.NS", range="1d")).status_code == 200


async def test_a_crumb_of_another_cookie_is_refused(sandbox: RunningSandbox, client: YahooClient) -> None:
    """A crumb alone is worth nothing."""
    async with plain_client(base_url=sandbox.url) as http:
        await http.get("/fc")
        answer = await http.get("/v7/finance/quote", params={"symbols": "INFY.NS", "crumb": client.crumb})

    assert answer.status_code == 401


async def test_a_stale_crumb_is_refused_until_a_new_one_is_fetched(
    sandbox: RunningSandbox, client: YahooClient
) -> None:
    """The cookie stays good."""
    assert await sandbox.fault("yahoo_stale_crumb") == 1
    assert (await client.quote("INFY.NS")).status_code == 401

    await client.renew()
    assert (await client.quote("INFY.NS")).status_code == 200
