import { createClient } from 'graphql-ws';
import WebSocket from 'ws'; // browsers have their own

const url = process.env.KITE_GRAPHQL ?? 'http://127.0.0.1:8179/graphql';
const client = createClient({
  url: url.replace('http', 'ws'), webSocketImpl: WebSocket,
  shouldRetry: () => true, retryAttempts: Infinity, // comes back after a restart of the service
});
const query = 'subscription { quotes(ids: ["NSE:INFY", "NSE:TCS"]) { snapshot quotes { id lastPrice } } }';
for await (const { data } of client.iterate({ query })) console.log(JSON.stringify(data.quotes));
