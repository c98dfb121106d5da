// What the scenarios share: the address of the service (the first argument) and how they talk to the test.
import WebSocket from 'ws';

export const url = process.argv[2];
export const scenario = process.argv[3];
export const socketOptions = { url: url.replace('http', 'ws'), webSocketImpl: WebSocket };

/** One line of JSON for the test to read. */
export const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

/** Runs the scenario that was asked for; an unknown name is an error, as is a rejection. */
export async function play(scenarios) {
  const run = scenarios[scenario];
  if (!run) throw new Error(`no scenario ${scenario}`);
  await run();
}
