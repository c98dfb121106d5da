"""GraphiQL, served by ourselves: the page works on a laptop without network.

`graphiql_page` answers a browser's GET of the endpoint; `graphiql_assets` holds the scripts of the page.
"""

import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static" / "graphiql"

MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
"""Not guessed: what a machine's own table says varies, and browsers are told not to guess either."""

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Scripts from here alone; inline styles are CodeMirror's way to place its cursor. Browsers keep everything and ask
each time whether it is still the same, so that a new version of the service never runs with an old script."""


def graphiql_page(request: Request) -> Response:
    """The page, for a browser that opens the endpoint."""
    del request
    return FileResponse(FOLDER / "index.html", media_type="text/html", headers={**HEADERS, "Vary": "Accept"})


def graphiql_assets() -> Mount:
    """The scripts and styles of the page, under /graphiql."""
    return Mount("/graphiql", _Assets(directory=FOLDER, check_dir=False), name="graphiql")


class _Assets(StaticFiles):
    """Files with the headers of the page."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or 304 if the browser has it."""
        media_type = MEDIA_TYPES.get(Path(full_path).suffix, "text/plain")
        response = FileResponse(full_path, status_code, HEADERS, media_type, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
