import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws'; // browsers have their own

const url = process.env.KITE_GRAPHQL ?? 'http://127.0.0.1:8179/graphql';
const socket = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, shouldRetry: () => true });
const forwardSubscription = (body) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe(body, sink) }) });
const exchanges = [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })];
const client = new Client({ url, exchanges });

const { data } = await client.query('{ quote(id: "NSE:INFY") { id lastPrice source } }');
console.log(JSON.stringify(data));
const live = client.subscription('subscription { quotes(ids: ["NSE:INFY"]) { quotes { id lastPrice } } }');
live.subscribe((update) => console.log(JSON.stringify(update.data)));
