"""A live option chain over real sockets: what it shows stays in the stream, and costs no request once it is there."""

from pathlib import Path
from typing import Any

import anyio

from app.parts import Timing
from app.services.options.chain import MARGIN
from tests.service.both import both_sources
from tests.service.sockets import Stream, subscribed
from tests.support.clock import MONDAY_MORNING
from tests.support.patience import PATIENCE
from tests.support.service import RunningService

CHAIN = """subscription { optionChain(underlying: "NSE:NIFTY 50", strikesEachSide: 3, throttleMs: 500) {
  forwardSource missing { input reason }
  rows { strike call { impliedVolatility quote { lastPrice freshness } } put { impliedVolatility delta } } } }"""
COOLING = Timing(linger=0.1, hot_for=0.2)
"""What only a question heated is out of the stream before the next chain comes."""
LEGS = 7 * 2
ENDS = 2
"""The index, and the future of the same expiry, which on that Monday there is."""
HELD = ENDS + LEGS + 2 * MARGIN * 2
"""The market moves while the test runs: strikes that may come to the money next are in the stream too."""


async def carried(service: RunningService) -> int:
    """Instruments in Kite's stream."""
    answer = await service.ask("{ providers { name subscribedInstruments } }")
    return int(answer["data"]["providers"][0]["subscribedInstruments"])


async def until_carried(service: RunningService, count: int) -> None:
    """Wait until Kite's stream carries so many: what left it a moment ago lingers."""
    with anyio.fail_after(PATIENCE):
        while await carried(service) != count:  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.02)


async def until_streamed(stream: Stream) -> dict[str, Any]:
    """The first chain that was made of streamed prices alone."""
    with anyio.fail_after(PATIENCE):
        while (result := await stream.result())["extensions"]["cost"]["upstreamCalls"]:
            pass
    return result


async def test_all_legs_stay_in_the_stream_as_long_as_somebody_listens(tmp_path: Path) -> None:
    """Each later chain takes no request; when the client has left, nothing is streamed any more."""
    async with both_sources(tmp_path, sandbox={"at": MONDAY_MORNING}, yahoo=False, timing=COOLING) as pair:
        service, sandbox = pair
        async with subscribed(service, CHAIN) as stream:
            result = await until_streamed(stream)
            calls = sandbox.count("quote")
            for _ in range(3):
                result = await stream.result()
                assert result["extensions"]["cost"] == {
                    "upstreamCalls": 0,
                    "fromStream": LEGS + ENDS,
                    "fromCache": 0,
                }
            await until_carried(service, HELD)
            assert sandbox.count("quote") == calls
            chain = result["data"]["optionChain"]
            assert (len(chain["rows"]), chain["missing"]) == (7, [])
            assert all(row["call"]["quote"]["freshness"] == "LIVE" for row in chain["rows"])
        await until_carried(service, 0)
