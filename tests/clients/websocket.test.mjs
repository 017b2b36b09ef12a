// WebSocket clients that are not ours: each runs one scenario against the server of the npm package ws, which sends back what
// it receives, and against libchat's plain endpoint; and one of chat.v1 against libchat.
//
// Plain: text, bytes, an empty message, a fragmented one where the client can send it, large ones, a ping that is answered,
// and a close whose code comes back. With deflate the same over permessage-deflate.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { atEnd, startChatd, test } from '../js/support.mjs';
import { missing, require, run, startRelay } from './support.mjs';

const { WebSocketServer } = require('ws');

const all = ['plain', 'deflate', 'chat.v1'];
const clients = {
  'websockets of Python': { language: 'python', program: 'plain_websockets', modes: all, fragments: true },
  'websockets of Python, threads': { language: 'python', program: 'plain_websockets_sync', modes: all, fragments: true },
  aiohttp: { language: 'python', program: 'plain_aiohttp', modes: all },
  'websocket-client': { language: 'python', program: 'plain_websocket_client', modes: ['plain', 'chat.v1'] },
  'java.net.http.WebSocket': { language: 'java', program: 'PlainJdk', modes: ['plain', 'chat.v1'], fragments: true },
  'Java-WebSocket': { language: 'java', program: 'PlainJavaWebSocket', modes: all },
  'gorilla/websocket': { language: 'go', program: 'gorilla', modes: all },
  'coder/websocket': { language: 'go', program: 'coder', modes: all },
  'tokio-tungstenite': { language: 'rust', program: 'plain_tokio_tungstenite', modes: ['plain', 'chat.v1'] },
};

const kinds = (process.env.CHAT_TEST_SERVERS ?? 'reference,libchat').split(',');
const chosen = process.env.CHAT_TEST_CLIENTS?.split(',');

const expectedPlain = (client) => [
  ['open', ''],
  ['heard', 'héllo 안녕 😀'],
  ['heard', { bytes: '000102ff' }],
  ['heard', ''],
  ...client.fragments ? [['heard', 'one two three']] : [],
  ['large', 60_000],
  ['large', 60_000],
  ['pong'],
  ['closed', 1000],
];
const expectedChat = [['open', 'chat.v1'], ['welcome', 'lobby'], ['ack', 1], ['message', 'hi']];

// The answer may be what a server that does not behave would send.
async function startReference(t, deflate, answer = (data) => data) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: deflate && { threshold: 0 } });
  server.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(answer(data), { binary }));
  });
  await new Promise((resolve) => { server.once('listening', resolve); });
  atEnd(t, () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return server.address();
}

const startLibchat = (t, deflate) => startChatd(t, deflate ? ['--permessage-deflate'] : []);

async function play(t, client, mode, { port }) {
  const relay = await startRelay(t, port);
  const result = await run(t, client, [`ws://127.0.0.1:${relay.port}/chat`, mode]);
  return { ...result, deflated: relay.deflated };
}

function judge(client, mode, { transcript, status, errors, deflated }) {
  assert.deepEqual(transcript, mode === 'chat.v1' ? expectedChat : expectedPlain(client), errors);
  assert.equal(status, 0, errors);
  assert.equal(deflated, mode === 'deflate');
}

describe('WebSocket', { concurrency: 3 }, () => {
  for (const [name, client] of Object.entries(clients)) {
    if (chosen && !chosen.some((part) => name.includes(part))) continue;
    for (const mode of client.modes) {
      for (const kind of mode === 'chat.v1' ? kinds.filter((one) => one === 'libchat') : kinds) {
        const skip = missing(client.language);
        test(`${name}, ${mode}: ${kind}`, { skip }, async (t) => {
          const server = await (kind === 'libchat' ? startLibchat : startReference)(t, mode === 'deflate');
          judge(client, mode, await play(t, client, mode, server));
        });
      }
    }
  }

  test('the check fails when a server changes a message', { skip: missing('python') }, async (t) => {
    const client = clients.aiohttp;
    const server = await startReference(t, false, (data) => (data.length === 4 ? Buffer.from([0, 1, 2, 0xfe]) : data));
    const result = await play(t, client, 'plain', server);
    assert.throws(() => judge(client, 'plain', result), { code: 'ERR_ASSERTION' });
    assert.deepEqual(result.transcript[2], ['heard', { bytes: '000102fe' }]);
  });
});
