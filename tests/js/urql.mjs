// Scenarios of the npm package @urql/core: node urql.mjs URL SCENARIO
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { play, say, socketOptions, url } from './say.mjs';

const socket = createClient(socketOptions);
const forwardSubscription = (body) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe(body, sink) }) });

/** Fetches, and tells what went over the wire. */
async function spy(address, init) {
  const response = await fetch(address, init);
  say('fetched', {
    method: init.method,
    accept: new Headers(init.headers).get('accept'),
    status: response.status,
    type: response.headers.get('content-type'),
  });
  return response;
}

const open = (more) => new Client({
  url, fetch: spy, exchanges: [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })], ...more,
});
const told = ({ data, error }) => ({ data, codes: error?.graphQLErrors.map(({ extensions }) => extensions.code) });
const priced = 'query Priced($ids: [ID!]!) { quotes(ids: $ids) { id lastPrice } }';

await play({
  async query() {
    say('result', told(await open().query(priced, { ids: ['NSE:INFY', 'NSE:NOSUCH'] })));
  },

  async post() {
    say('result', told(await open({ preferGetMethod: false }).query(priced, { ids: ['NSE:INFY'] })));
  },

  async invalid() {
    say('result', told(await open().query('{ nothing }')));
  },

  // Over the WebSocket, until the test ends it.
  async stream() {
    open().subscription('subscription { quotes(ids: ["NSE:INFY"], throttleMs: 100) { snapshot quotes { id lastPrice } } }')
      .subscribe((result) => say('update', told(result)));
  },

  // The same without a WebSocket: urql's own reading of event streams.
  async events() {
    const client = open({ exchanges: [fetchExchange], fetchSubscriptions: true });
    client.subscription('subscription { quotes(ids: ["NSE:INFY"], throttleMs: 100) { snapshot quotes { id lastPrice } } }')
      .subscribe((result) => say('update', told(result)));
  },
});
