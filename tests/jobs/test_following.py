"""What a command says of a job that the service does: how it ended, whoever ended it, and that nobody knows."""

import io
from collections.abc import Callable

import httpx
import orjson
import pytest
from rich.console import Console

from app.commands import asking
from app.commands.asking import TRIES, RunningService
from app.commands.following import Following, Order

ORDER = Order("mutation { make }", {}, "make", "requests")
QUEUED = {"id": "j1", "state": "QUEUED", "done": 0, "total": None, "message": None}


def event(**changes: object) -> str:
    """A job in an event stream."""
    return f"event: next\ndata: {orjson.dumps({'data': {'job': QUEUED | changes}}).decode()}\n\n"


class Service:
    """Makes one job, and gives one stream of it after the other; then nobody listens."""

    def __init__(self, *streams: str) -> None:
        self.streams = list(streams)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The answer."""
        if "text/event-stream" not in request.headers["accept"]:
            return httpx.Response(200, json={"data": {"make": QUEUED}})
        self.asked += 1
        if not self.streams:
            msg = "nobody listens"
            raise httpx.ConnectError(msg)
        return httpx.Response(200, text=self.streams.pop(0))


async def followed(service: Callable[[httpx.Request], httpx.Response]) -> tuple[Following, str]:
    """The job at its end, and what was printed."""
    output = io.StringIO()
    async with httpx.AsyncClient(transport=httpx.MockTransport(service), base_url="http://service") as client:
        following = Following(RunningService(client, "http://service"), Console(file=output, width=120))
        await following.run(ORDER)
    return following, output.getvalue()


@pytest.mark.parametrize(
    ("state", "message", "failure"),
    [
        ("SUCCEEDED", "all is stored", None),
        ("FAILED", "1 of 2 could not be filled", "1 of 2 could not be filled"),
        ("FAILED", None, "the job j1 is FAILED"),
        ("CANCELLED", "cancelled", "somebody else cancelled the job j1 in the service; what came is kept"),
    ],
)
async def test_a_command_ends_as_its_job(state: str, message: str | None, failure: str | None) -> None:
    """With the job's own words where there are any."""
    following, _ = await followed(Service(event(state="RUNNING", done=1, total=2), event(state=state, message=message)))
    assert (following.complete, following.failure) == (failure is None, failure)


async def test_a_stream_that_breaks_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is only restarted is followed on; one that stays away is told, and what becomes of the job."""
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0)
    running = event(state="RUNNING", done=1, total=2)
    service = Service(*[running] * (2 * TRIES), event(state="SUCCEEDED"))
    assert (await followed(service))[0].complete
    gone = Service(running)
    following, _ = await followed(gone)
    assert gone.asked == TRIES
    assert following.failure is not None
    assert "Its job j1 is kept, and goes on when the service is started again" in following.failure


async def test_a_link_to_the_login_is_whole_and_told_once() -> None:
    """The bar would cut it; a job that asks again and again prints it once."""
    link = "waiting for a login, LOGIN_REQUIRED: open http://service/" + "x" * 150
    waiting = event(state="RUNNING", message=link)
    _, told = await followed(Service(waiting * 3 + event(state="SUCCEEDED")))
    assert told.count(link) == 1
