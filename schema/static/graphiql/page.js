// Joins GraphiQL to this service: queries by fetch, subscriptions by graphql-transport-ws, no other host involved.
"use strict";

const endpoint = new URL("/graphql", location.href);
const socket = new URL(endpoint);
socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";

const query = `# Press the play button. Ids are EXCHANGE:SYMBOL; the docs are on the left.
query Watchlist {
  quotes(ids: ["NSE:INFY", "NSE:RELIANCE", "NSE:NIFTY 50"]) {
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

const subscription = `# The first update is a snapshot, then what changed.
subscription Live {
  quotes(ids: ["NSE:INFY", "NSE:RELIANCE", "NSE:NIFTY 50"], throttleMs: 500) {
    sequence
    snapshot
    feed
    quotes { id lastPrice changePercent receivedAt }
    rejected { id code message }
  }
}
`;

const candles = `query Chart {
  candles(id: "NSE:INFY", interval: MINUTE_5, last: 20, includeForming: true) {
    count
    upstreamCalls
    candles { time open high low close volume state }
  }
}
`;

const fetcher = GraphiQL.createFetcher({
  url: endpoint.href,
  wsClient: graphqlWs.createClient({ url: socket.href, lazy: true }),
});

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultEditorToolsVisibility: true,
    defaultTabs: [{ query }, { query: subscription }, { query: candles }],
  }),
);
