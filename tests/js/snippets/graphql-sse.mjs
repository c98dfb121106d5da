import { createClient } from 'graphql-sse';

const url = process.env.KITE_GRAPHQL ?? 'http://127.0.0.1:8179/graphql';
const client = createClient({ url, retryAttempts: Infinity }); // comes back after a restart of the service
const updates = client.iterate({
  query: `subscription Live($ids: [ID!]!) { quotes(ids: $ids) { snapshot quotes { id lastPrice } } }`,
  variables: { ids: ['NSE:INFY', 'NSE:TCS'] },
});
for await (const { data } of updates) console.log(JSON.stringify(data.quotes));
