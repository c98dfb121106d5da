import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws'; // browsers have their own

const uri = process.env.KITE_GRAPHQL ?? 'http://127.0.0.1:8179/graphql';
const socket = createClient({ url: uri.replace('http', 'ws'), webSocketImpl: WebSocket, shouldRetry: () => true });
const isLive = ({ operationType }) => operationType === 'subscription';
const link = ApolloLink.split(isLive, new GraphQLWsLink(socket), new HttpLink({ uri }));
const client = new ApolloClient({ link, cache: new InMemoryCache() });
const watched = client.watchQuery({ query: gql`{ quote(id: "NSE:INFY") { id lastPrice } }` });
watched.subscribe(({ data }) => data && console.log(JSON.stringify(data))); // again with each tick, from the cache
client.subscribe({ query: gql`subscription { quotes(ids: ["NSE:INFY"]) { quotes { id lastPrice } } }` }).subscribe();
