// Mercurius with its JIT on fastify: queries and its own subscriptions. `node mercurius.mjs PORT DATA`.

import Fastify from 'fastify';
import mercurius from 'mercurius';
import { resolvers, schema } from './data.mjs';

const app = Fastify();
app.register(mercurius, { schema, resolvers, jit: 1, subscription: true });
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
