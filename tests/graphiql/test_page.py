"""GraphiQL without a browser: everything it loads is here, is what its authors published, and asks what we answer."""

import hashlib
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from graphql import parse, validate
from starlette.applications import Starlette
from starlette.routing import Route

from schema.build import build_schema
from schema.graphiql import FOLDER, graphiql_assets, graphiql_page

OURS = {"index.html", "page.js", "page.css", "VENDORED.md"}
CONTENT_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
ROW = re.compile(r"^\| (?P<file>\S+) \| (?P<package>\S+) \| [\d.]+ \| (?P<sha256>[0-9a-f]{64}) \|$", re.MULTILINE)


class Assets(HTMLParser):
    """Every address that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline_scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what the tag loads."""
        given = dict(attrs)
        self.addresses += [address for name in ("src", "href") if (address := given.get(name))]
        self.inline_scripts += tag == "script" and "src" not in given


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the page's own routes."""
    app = Starlette(routes=[Route("/graphql", graphiql_page), graphiql_assets()])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8179") as one:
        yield one


def page_assets() -> Assets:
    """What index.html loads."""
    assets = Assets()
    assets.feed((FOLDER / "index.html").read_text())
    return assets


@pytest.fixture
def loaded() -> dict[str, bytes]:
    """The addresses that the page loads, with the files that they stand for."""
    own = [address for address in page_assets().addresses if address != "data:,"]
    return {address: (FOLDER / address.removeprefix("/graphiql/")).read_bytes() for address in own}


async def test_the_page_loads_only_what_is_served_here(client: httpx.AsyncClient, loaded: dict[str, bytes]):
    """Each script and style exists, with the content type without which `nosniff` would refuse it."""
    assert len(loaded) == 9
    for address, content in loaded.items():
        answer = await client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"] == CONTENT_TYPES["." + address.rsplit(".", 1)[1]]
        assert answer.content == content


def test_the_page_holds_no_script():
    """Its policy would not run one."""
    assert page_assets().inline_scripts == 0


async def test_the_policy_lets_nothing_in_from_elsewhere(client: httpx.AsyncClient):
    """Of the page and of every file of it, for each can be opened by itself."""
    for address in ("/graphql", "/graphiql/index.html", "/graphiql/page.js"):
        answer = await client.get(address)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "connect-src 'self';" in policy
        assert re.search(r"https?:|wss?:|\*|unsafe-eval", policy) is None
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_browsers_keep_the_files_and_ask_whether_they_are_the_same(client: httpx.AsyncClient):
    """A reload costs no megabyte, and a new version of the service never meets an old script."""
    first = await client.get("/graphiql/graphiql.min.js")
    again = await client.get("/graphiql/graphiql.min.js", headers={"if-none-match": first.headers["etag"]})
    page = await client.get("/graphql")

    assert first.headers["cache-control"] == page.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert again.content == b""
    assert page.headers["vary"] == "Accept"  # the same address answers queries


@pytest.mark.parametrize("name", ["index.html", "page.js", "page.css"])
def test_our_files_name_no_other_host(name: str):
    """Not even one without a scheme."""
    text = (FOLDER / name).read_text()

    assert re.search(r"""\w://|["'(`]\s*//""", text) is None


def test_vendored_files_are_what_their_authors_published():
    """The table of VENDORED.md lists every file that is not ours, with the digest that it has."""
    table = {row["file"]: row["sha256"] for row in ROW.finditer((FOLDER / "VENDORED.md").read_text())}
    present = {path.name: path for path in FOLDER.iterdir() if path.is_file() and path.name not in OURS}

    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in present.items()} == table
    assert all("sourceMappingURL=" not in path.read_text() for path in present.values())


def test_what_the_page_asks_is_valid():
    """The tabs that a new visitor finds, and the page's own question, against the real schema."""
    script = (FOLDER / "page.js").read_text()
    documents = [text for text in re.findall(r'= (?:`([^`]+)`|"(query [^"]+)");', script) for text in text if text]
    schema = build_schema()._schema

    assert len(documents) == 4
    assert [validate(schema, parse(document)) for document in documents] == [[], [], [], []]
