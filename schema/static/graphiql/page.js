// Joins GraphiQL to this service: queries by fetch, subscriptions by graphql-transport-ws, no other host involved.
"use strict";

const endpoint = new URL("/graphql", location.href);
const socket = new URL(endpoint);
socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";

const query = `# Press play. Ids are EXCHANGE:SYMBOL.
# Docs and query builder: icons on the left.
query Watchlist {
  quotes(
    ids: ["NSE:INFY", "NSE:RELIANCE", "NSE:NIFTY 50"]
  ) {
    id
    lastPrice
    change
    changePercent
    exchangeTime
    freshness
    source
  }
}
`;

const subscription = `# First a snapshot, then what changes.
subscription Live {
  quotes(
    ids: ["NSE:INFY", "NSE:RELIANCE", "NSE:NIFTY 50"]
    throttleMs: 500
  ) {
    sequence
    snapshot
    feed
    quotes {
      id
      lastPrice
      changePercent
      receivedAt
    }
    rejected {
      id
      code
      message
    }
  }
}
`;

const candles = `query Chart {
  candles(
    id: "NSE:INFY"
    interval: MINUTE_5
    last: 20
    includeForming: true
  ) {
    count
    upstreamCalls
    candles {
      time
      open
      high
      low
      close
      volume
      state
    }
  }
}
`;

// Which world the prices are from, and where to log in when nobody has: asked once, when the page opens.
const about = "query About { server { sources } kiteSession { authenticated loginUrl } }";

async function ask(document) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: document }),
  });
  return (await response.json()).data;
}

function Brand() {
  const [known, setKnown] = React.useState(null);
  React.useEffect(() => {
    ask(about).then(setKnown, () => setKnown(null));
  }, []);
  const session = known?.kiteSession;
  return React.createElement(
    "span",
    { className: "kite-brand" },
    session?.authenticated === false && session.loginUrl
      ? React.createElement("a", { className: "kite-login", href: session.loginUrl }, "Log in to Kite")
      : null,
    known?.server.sources.includes("SANDBOX")
      ? React.createElement("span", { className: "kite-sandbox", title: "Simulated prices" }, "SANDBOX")
      : null,
    "Kite Services",
  );
}

// A refused connection is no close event: without shouldRetry a restart of the service would end the stream.
const wsClient = graphqlWs.createClient({
  url: socket.href,
  shouldRetry: () => true,
  retryAttempts: Infinity,
  retryWait: (attempt) => new Promise((resolve) => setTimeout(resolve, Math.min(1_000 * 2 ** attempt, 10_000))),
});

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(
    GraphiQL,
    {
      fetcher: GraphiQL.createFetcher({ url: endpoint.href, wsClient }),
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      defaultEditorToolsVisibility: false,
      defaultTabs: [{ query }, { query: subscription }, { query: candles }],
    },
    React.createElement(GraphiQL.Logo, null, React.createElement(Brand)),
  ),
);
