"""`/metrics`: the numbers of `app.metrics`, for Prometheus. `app.main` mounts the route."""

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.metrics import CONTENT_TYPE, Metrics, ReadState


def metrics_route(metrics: Metrics, read_state: ReadState) -> Route:
    """The route. State is read on the event loop; rendering, which reads files, happens in a thread."""

    async def endpoint(_request: Request) -> Response:
        metrics.show(read_state())
        body = await to_thread.run_sync(metrics.render)
        return Response(body, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})

    return Route("/metrics", endpoint, methods=["GET"], name="metrics")
