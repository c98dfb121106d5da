// Scenarios of the npm package @apollo/client: node apollo.mjs URL SCENARIO
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import { play, say, socketOptions, url } from './say.mjs';

const spy = async (address, init) => {
  const response = await fetch(address, init);
  say('fetched', { method: init.method, status: response.status, type: response.headers.get('content-type') });
  return response;
};
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new GraphQLWsLink(createClient(socketOptions)),
    new HttpLink({ uri: url, fetch: spy }),
  ),
});
const watchlist = gql`{ quotes(ids: ["NSE:INFY", "NSE:TCS"]) { id lastPrice instrument { id name } } }`;

await play({
  async query() {
    const { data } = await client.query({ query: watchlist });
    say('result', { data });
  },

  async partial() {
    const { data, error } = await client.query({
      query: gql`{ quotes(ids: ["NSE:INFY", "NSE:NOSUCH"]) { id lastPrice } }`, errorPolicy: 'all',
    });
    say('result', { data, codes: error.errors.map(({ extensions }) => extensions.code) });
  },

  // A query that is watched, and a subscription to the price of one of its instruments, until the test ends it.
  async cache() {
    client.watchQuery({ query: watchlist }).subscribe(({ data }) => data && say('watched', { data }));
    await client.query({ query: watchlist });
    client.subscribe({
      query: gql`subscription { quotes(ids: ["NSE:INFY"], throttleMs: 100) { quotes { id lastPrice } } }`,
    }).subscribe(({ data }) => say('update', { quotes: data.quotes.quotes, cached: Object.keys(client.cache.extract()) }));
  },
});
