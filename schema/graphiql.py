"""GraphiQL, served by ourselves: the page works on a laptop without network.

`graphiql_page` answers a browser's GET of the endpoint; `graphiql_assets` holds the scripts of the page.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "static" / "graphiql"

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Scripts from here alone; inline styles are CodeMirror's way to place its cursor."""


def graphiql_page(request: Request) -> Response:
    """The page, for a browser that opens the endpoint."""
    del request
    return FileResponse(FOLDER / "index.html", headers=PAGE_HEADERS)


def graphiql_assets() -> Mount:
    """The scripts and styles of the page, under /graphiql."""
    return Mount("/graphiql", StaticFiles(directory=FOLDER), name="graphiql")
