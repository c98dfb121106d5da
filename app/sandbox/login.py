"""The broker's login page.

Comes in: a browser that the service sent to `/connect/login`. Goes out: a page with one button, and the redirect back
to the service with a request_token (or with status=cancelled). There is no password: the sandbox has one user.
"""

from html import escape
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.sandbox.envelope import KiteError
from app.sandbox.sessions import Sessions
from app.sandbox.settings import SandboxSettings

MAX_FORM_BYTES = 16_384
"""A login or an exchange sends a few hundred bytes."""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>SANDBOX login</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>:root{{color-scheme:light dark}}
body{{font:16px/1.55 system-ui,sans-serif;max-width:26rem;margin:12vh auto 2rem;padding:0 1rem}}
h1{{font-size:1.5rem;line-height:1.3;margin:1rem 0 .75rem}}
mark{{background:#ffd54a;color:#1c1c1c;border-radius:4px;padding:.1rem .5rem;font-weight:700;letter-spacing:.1em}}
button{{font:inherit;font-weight:600;padding:.6rem 1.2rem;border:0;border-radius:6px;background:#1a62b8;color:#fff;
cursor:pointer}}button:hover{{background:#15529b}}a{{color:inherit}}</style></head>
<body><p><mark>SANDBOX</mark></p>{body}</body></html>"""
_FORM = """<h1>Simulated Kite login</h1>
<p>This is not Zerodha. Prices behind this login are simulated; no password is asked for.</p>
<form method="post" action="/connect/login">
<input type="hidden" name="api_key" value="{api_key}">
<input type="hidden" name="redirect_params" value="{redirect_params}">
<button type="submit">Log in as {user}</button></form>
<p><a href="{cancel}">Cancel</a></p>"""
_BAD_KEY = "<h1>Invalid api_key</h1><p>The sandbox knows another api_key. Compare the settings of the two.</p>"


async def read_form(request: Request) -> dict[str, str]:
    """The first value of each field of a URL-encoded body. Raises KiteError when it is too large or no text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise KiteError(400, f"A form has at most {MAX_FORM_BYTES} bytes")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True)
    except ValueError:
        raise KiteError(400, "The body is no URL-encoded form") from None
    return {name: values[0] for name, values in fields.items()}


class LoginPages:
    """Both sides of the login page."""

    def __init__(self, settings: SandboxSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """`GET` shows the page, `POST` logs in."""
        return [
            Route("/connect/login", self.page, methods=["GET"]),
            Route("/connect/login", self.submit, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The page with the button."""
        query = request.query_params
        api_key, extra = query.get("api_key", ""), query.get("redirect_params", "")
        if api_key != self._settings.api_key or query.get("v") != "3":
            return HTMLResponse(_PAGE.format(body=_BAD_KEY), 400)
        form = _FORM.format(
            api_key=escape(api_key),
            redirect_params=escape(extra),
            user=escape(self._settings.user_name),
            cancel=escape(self._return_address("cancelled", "", extra)),
        )
        return HTMLResponse(_PAGE.format(body=form))

    async def submit(self, request: Request) -> Response:
        """Back to the service, with a fresh request_token."""
        form = await read_form(request)
        if form.get("api_key") != self._settings.api_key:
            return HTMLResponse(_PAGE.format(body=_BAD_KEY), 400)
        address = self._return_address("success", self._sessions.finish_login(), form.get("redirect_params", ""))
        return RedirectResponse(address, 302)

    def _return_address(self, status: str, request_token: str, extra: str) -> str:
        query = {"action": "login", "type": "login", "status": status}
        if request_token:
            query["request_token"] = request_token
        base = self._settings.redirect_url
        joint = "&" if "?" in base else "?"
        return base + joint + urlencode(query) + (f"&{extra}" if extra else "")
