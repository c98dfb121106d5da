// What the Node peers know, as servers/board.py has it: quotes and bars in memory, and a source that never rests.
// From SIGUSR2 until the last subscriber leaves, all ten instruments of the fan get a new state, as new objects, once
// in each turn of the event loop; a subscriber always gets the newest one.

import { readFileSync } from 'node:fs';

export const schema = `
  scalar DateTime
  enum Source { KITE SANDBOX }
  enum Interval { MINUTE }
  type Quote {
    id: ID! lastPrice: Float! open: Float high: Float low: Float previousClose: Float change: Float
    changePercent: Float volume: Int averagePrice: Float receivedAt: DateTime! source: Source!
  }
  type Candle { epochSeconds: Int! open: Float! high: Float! low: Float! close: Float! volume: Int! }
  type CandleSeries { candles: [Candle!]! }
  type QuoteUpdate { sequence: Int! quotes: [Quote!]! }
  type Query {
    quotes(ids: [ID!]!): [Quote]!
    candles(id: ID!, interval: Interval!, from: DateTime!, to: DateTime!): CandleSeries!
  }
  type Subscription { quotes(ids: [ID!]!, throttleMs: Int): QuoteUpdate! }
`;

const data = JSON.parse(readFileSync(process.argv[3], 'utf8'));
const rows = data.quotes.slice(0, 10);
const quotes = new Map(data.quotes.map((row) => [row.id, row]));
const openings = data.candles.map((bar) => bar.epochSeconds);
let version = 0;
let readers = 0;
let driven = false;
let waiting = [];

const first = (time) => {
  const seconds = Date.parse(time) / 1000;
  let [low, high] = [0, openings.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (openings[middle] < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
};

const drive = () => {
  version += 1;
  for (const row of rows) {
    const lastPrice = row.lastPrice + (version % 100) / 20;
    quotes.set(row.id, { ...row, lastPrice, volume: row.volume + (version % 1000) });
  }
  const woken = waiting;
  waiting = [];
  for (const wake of woken) wake();
  driven = readers > 0;
  if (driven) setImmediate(drive);
};

process.on('SIGUSR2', () => {
  if (!driven) setImmediate(drive);
  driven = true;
});

async function* updates(ids) {
  readers += 1;
  try {
    for (;;) {
      const seen = version;
      yield { quotes: { sequence: seen, quotes: ids.map((id) => quotes.get(id)) } };
      if (seen === version) await new Promise((wake) => waiting.push(wake));
    }
  } finally {
    readers -= 1;
  }
}

export const resolvers = {
  Query: {
    quotes: (_, { ids }) => ids.map((id) => quotes.get(id)),
    candles: (_, { from, to }) => ({ candles: data.candles.slice(first(from), first(to)) }),
  },
  Subscription: { quotes: { subscribe: (_, { ids }) => updates(ids) } },
};
