// graphql-ws over ws: subscriptions alone, executed by graphql.js. `node graphql_ws.mjs PORT DATA`.

import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { resolvers, schema } from './data.mjs';

const built = buildSchema(schema);
built.getSubscriptionType().getFields().quotes.subscribe = resolvers.Subscription.quotes.subscribe;
const port = Number(process.argv[2]);
useServer({ schema: built }, new WebSocketServer({ port, host: '127.0.0.1', path: '/graphql' }));
