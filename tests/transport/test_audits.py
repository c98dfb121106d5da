"""The audits of GraphQL over HTTP, by the reference implementation's own package."""

import json

from tests.support.node import Node
from tests.transport.conftest import Service


async def test_all_audits_pass(node: Node, service: Service):
    """Each of the 61 audits, optional ones too, is met."""
    report = json.loads(await node.run("audit.mjs", f"http://127.0.0.1:{service.port}/graphql"))

    assert report["failed"] == []
    assert report["total"] == 61
