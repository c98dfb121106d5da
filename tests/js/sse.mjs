// Scenarios of the npm package graphql-sse, distinct connections: node sse.mjs URL SCENARIO
import { createClient } from 'graphql-sse';
import { play, say, url } from './say.mjs';

const live = { query: 'subscription { quotes(ids: ["NSE:INFY"], throttleMs: 100) { sequence snapshot quotes { id lastPrice } } }' };
const open = (more) => createClient({ url, on: { connected: () => say('connected') }, ...more });

await play({
  async query() {
    for await (const result of open().iterate({ query: '{ quote(id: "NSE:INFY") { id lastPrice source } }' })) {
      say('result', result);
    }
    say('complete');
  },

  // Four updates, then the client leaves; the script stays until the test ends it.
  async stream() {
    const updates = open().iterate(live);
    for (let count = 0; count < 4; count += 1) say('update', (await updates.next()).value);
    await updates.return();
    say('left');
    setInterval(() => {}, 1_000);
  },

  async bad() {
    for await (const result of open().iterate({ query: 'subscription { nothing }' })) say('result', result);
    say('complete');
  },

  async restart() {
    const retry = () => new Promise((resolve) => { setTimeout(resolve, 50); });
    for await (const result of open({ retryAttempts: 1_000, retry }).iterate(live)) say('update', result);
    say('complete');
  },
});
