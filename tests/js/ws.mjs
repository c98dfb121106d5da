// Scenarios of the npm package graphql-ws: node ws.mjs URL SCENARIO
import { createClient } from 'graphql-ws';
import { play, say, socketOptions } from './say.mjs';

const live = (id) => ({ query: `subscription Live($id: ID!) { quotes(ids: [$id], throttleMs: 100) {
  sequence snapshot feed quotes { id lastPrice source } } }`, variables: { id } });
const open = (more) => createClient({ ...socketOptions, on: {
  connected: () => say('connected'),
  closed: ({ code, reason }) => say('closed', { code, reason }),
}, ...more });
const tell = (name) => ({
  next: (result) => say(name, result),
  error: (errors) => say('error', { name, errors }),
  complete: () => say('complete', { name }),
});

await play({
  async query() {
    for await (const result of open().iterate({ query: '{ quote(id: "NSE:INFY") { id lastPrice source } }' })) {
      say('result', result);
    }
    say('complete');
  },

  async stream() {
    const updates = open().iterate(live('NSE:INFY'));
    for (let count = 0; count < 4; count += 1) say('update', (await updates.next()).value);
    await updates.return();
  },

  // One of two streams of a socket is completed; the other goes on until the test ends the script.
  async leave() {
    const client = open();
    client.subscribe(live('NSE:TCS'), tell('stays'));
    const leaves = client.iterate(live('NSE:INFY'));
    say('leaves', (await leaves.next()).value);
    await leaves.return();
    say('left');
  },

  // Documents that do not parse, do not validate or name nothing, beside a stream on the same socket.
  async bad() {
    const client = open();
    const refused = (request) => new Promise((resolve) => {
      client.subscribe(request, { next: resolve, error: resolve, complete: resolve });
    });
    const stays = client.iterate(live('NSE:INFY'));
    say('before', (await stays.next()).value);
    say('syntax', { errors: await refused({ query: 'subscription { quotes(' }) });
    say('validation', { errors: await refused({ query: '{ nothing }' }) });
    say('variables', { errors: await refused({ ...live(), variables: {} }) });
    say('empty', { errors: await refused({ query: 'subscription { quotes(ids: []) { sequence } }' }) });
    say('query', { result: await refused({ query: '{ server { sources } }' }) });
    say('after', (await stays.next()).value);
    await stays.return();
  },

  // Streams until the test ends it, whatever becomes of the service.
  async restart() {
    const retryWait = () => new Promise((resolve) => { setTimeout(resolve, 50); });
    open({ retryAttempts: Infinity, shouldRetry: () => true, retryWait }).subscribe(live('NSE:INFY'), tell('update'));
  },
});
