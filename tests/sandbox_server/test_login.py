"""The login page and the session, through the vendor's client and a plain browser."""

from anyio import to_thread
from kiteconnect import KiteConnect

from tests.support.sandbox import RunningSandbox


async def test_the_whole_login_gives_a_session_that_works(sandbox: RunningSandbox) -> None:
    """Button, redirect and exchange end in a token that opens the profile."""
    kite = KiteConnect(sandbox.api_key, root=sandbox.url)
    request_token = await sandbox.request_token()

    session = await to_thread.run_sync(kite.generate_session, request_token, sandbox.api_secret)
    profile = await to_thread.run_sync(kite.profile)

    assert session["user_id"] == profile["user_id"] == "AB1234"
    assert profile["user_name"] == "Sandbox User"
    assert session["refresh_token"] == ""
    assert session["login_time"].tzinfo is None
    assert sandbox.count("session") == 1
