// Runs the audits of GraphQL over HTTP against the address given, and prints those that fail as JSON.
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const audits = serverAudits({ url });
const results = [];
for (const audit of audits) results.push(await audit.fn());
const failed = results.filter((result) => result.status !== 'ok');
console.log(JSON.stringify({
  total: results.length,
  failed: failed.map(({ id, name, status, reason }) => ({ id, name, status, reason })),
}));
