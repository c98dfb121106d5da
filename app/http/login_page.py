"""The pages that a person sees at the end of a Kite login.

Comes in: a session, or an error. Goes out: a self-contained HTML response that loads nothing, runs nothing, is kept
nowhere and tells nobody where it came from. Called by app.http.login.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse

from app.domain.feeds import KiteSession
from app.domain.provenance import DataSource
from app.domain.time import to_ist

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6875; --paper: #fff; --ground: #f3f5f7; --line: #dfe4e9;
  --accent: #1a62b8; --good: #18794e; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #9aa7b4; --paper: #19212a; --ground: #10161d;
  --line: #2c3743; --accent: #7db4f5; --good: #4cc38a; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 12vh 16px 32px; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 480px; margin: 0 auto; background: var(--paper); border: 1px solid var(--line); border-radius: 12px;
  padding: 32px; }
.service { margin: 0 0 20px; color: var(--soft); font-size: 14px; display: flex; justify-content: space-between; }
.label { border: 1px solid currentColor; border-radius: 4px; padding: 0 6px; font-size: 12px; letter-spacing: .06em; }
h1 { margin: 0 0 12px; font-size: 22px; line-height: 1.3; font-weight: 600; }
h1.good { color: var(--good); } h1.bad { color: var(--bad); }
p { margin: 0 0 16px; overflow-wrap: anywhere; }
dl { margin: 0 0 20px; display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
a { color: var(--accent); font-weight: 500; }
p:last-child { margin: 0; }
"""
STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}
"""Of every answer here: the address holds a one-time token, so it goes into no cache and no Referer."""


def success_page(session: KiteSession, source: DataSource, graphql_path: str) -> HTMLResponse:
    """Who is logged in and until when, and the way on."""
    body = (
        f"{_facts(session)}"
        "<p>The live stream is connecting with the new session. You can close this page.</p>"
        f'<p><a href="{escape(graphql_path)}">Open GraphiQL</a></p>'
    )
    return _page("You are logged in to Kite", "good", body, source, status=200)


def error_page(
    message: str, *, status: int, source: DataSource, retry_path: str | None, session: KiteSession | None = None
) -> HTMLResponse:
    """What went wrong, the way to try again if there is one, and who is logged in all the same, if somebody is."""
    body = f"<p>{escape(_sentence(message))}</p>"
    if session is not None and session.authenticated:
        body += f"<p>A session is active all the same:</p>{_facts(session)}"
    if retry_path is not None:
        body += f'<p><a href="{escape(retry_path)}">Log in to Kite</a></p>'
    return _page("The login was not completed", "bad", body, source, status=status)


def _facts(session: KiteSession) -> str:
    name = session.user_name or session.user_id or ""
    user = f"{name} ({session.user_id})" if session.user_name and session.user_id else name
    rows = {"User": user}
    if session.expires_at is not None:
        ends = to_ist(session.expires_at)
        rows["Session ends"] = f"{ends.day} {ends:%B %Y, %H:%M} IST"
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{escape(fact)}</dd>" for term, fact in rows.items()) + "</dl>"


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:].rstrip(".") + "."


def _page(title: str, mood: str, body: str, source: DataSource, *, status: int) -> HTMLResponse:
    label = "" if source is DataSource.KITE else f'<span class="label">{escape(source)}</span>'
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - Kite Services</title><style>{STYLE}</style></head>"
        f'<body><main><p class="service"><span>Kite Services</span>{label}</p>'
        f'<h1 class="{mood}">{escape(title)}</h1>{body}</main></body></html>'
    )
    return HTMLResponse(html, status_code=status, headers=dict(HEADERS))
