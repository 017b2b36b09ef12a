// The official client, sockjs-client, in Node: each transport that it has there.
import assert from 'node:assert/strict';
import SockJS from 'sockjs-client';
import { nodeTransports, texts } from './sockjs_support.mjs';
import { Queue, atEnd, connect, startChatd, startTestd, test } from './support.mjs';

class SockJsClient {
  constructor(t, url, options) {
    this.socket = new SockJS(url, null, options);
    this.messages = new Queue();
    this.opened = new Promise((resolve) => { this.socket.onopen = resolve; });
    this.socket.onmessage = ({ data }) => this.messages.push(data);
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason, wasClean }) => {
        this.messages.end(() => new Error(`closed: ${code} ${reason}`));
        resolve({ code, reason, wasClean });
      };
    });
    atEnd(t, () => this.socket.close());
  }

  send(text) {
    this.socket.send(text);
  }

  take(fits) {
    return this.messages.take(fits);
  }

  // The messages until this many have come.
  async takeAll(count) {
    const all = [];
    while (all.length < count) all.push(await this.take());
    return all;
  }
}

const address = (server, path) => server.url(path).replace('ws:', 'http:');

async function open(t, server, transport, path = '/chat') {
  const client = new SockJsClient(t, address(server, path), { transports: transport });
  await Promise.race([client.opened, client.closed.then(({ code, reason }) => assert.fail(`${code} ${reason}`))]);
  assert.equal(client.socket.transport, transport);
  return client;
}

for (const transport of nodeTransports) {
  test(`${transport}: texts in both directions, with other clients in the room`, async (t) => {
    const chatd = await startChatd(t, ['--threads', '2']);
    const plain = await connect(t, chatd.url('/chat?room=one'));
    const client = await open(t, chatd, transport, '/chat?room=one');
    for (const text of texts) client.send(text);
    assert.deepEqual(await client.takeAll(texts.length), texts);
    for (const text of texts) assert.equal(await plain.take(), text);
    for (const text of texts) plain.send(text);
    assert.deepEqual(await client.takeAll(texts.length), texts);
  });

  test(`${transport}: chat.v1`, async (t) => {
    const chatd = await startChatd(t, ['--threads', '2']);
    const client = await open(t, chatd, transport, '/chat.v1?room=one');
    const welcome = JSON.parse(await client.take());
    assert.deepEqual([welcome.type, welcome.room], ['welcome', 'one']);
    client.send(JSON.stringify({ type: 'send', ref: '1', text: 'hi' }));
    const replies = (await client.takeAll(2)).map((text) => JSON.parse(text));
    assert.deepEqual(replies.map(({ type }) => type).sort(), ['ack', 'message']);
  });

  test(`${transport}: many messages in order, over several responses`, async (t) => {
    const chatd = await startChatd(t, ['--threads', '2', '--sockjs-response-bytes', '4096', '--inbound-rate', 'off']);
    const client = await open(t, chatd, transport);
    const plain = await connect(t, chatd.url());
    const sent = Array.from({ length: 1_000 }, (_, i) => `${i} ${'x'.repeat(i % 50)}`);
    for (const text of sent) plain.send(text);
    assert.deepEqual(await client.takeAll(sent.length), sent);
    for (const text of sent) client.send(text);
    assert.deepEqual(await client.takeAll(sent.length), sent);
    for (const text of sent.concat(sent)) assert.equal(await plain.take(), text);
  });

  test(`${transport}: the server closes with a reason`, async (t) => {
    const testd = await startTestd(t, ['threads=2']);
    const client = await open(t, testd, transport);
    const { client: id } = await testd.event('open');
    await testd.command('kick', 0, id, 'no more');
    assert.deepEqual(await client.closed, { code: 1008, reason: 'no more', wasClean: true });
    const left = await testd.event('disconnect');
    assert.deepEqual([left.close_code, left.reason], [1008, 'no more']);
  });

  test(`${transport}: the server stops`, async (t) => {
    const testd = await startTestd(t, ['threads=2', 'drain_timeout_ms=30000']);
    const client = await open(t, testd, transport);
    await testd.event('open');
    // A response waits at the server once something has come by it.
    client.send('here');
    assert.equal(await client.take(), 'here');
    if (transport === 'xhr-polling') return; // whether a poll is there then is not known
    testd.command('stop', 0);
    assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!', wasClean: true });
  });

  test(`${transport}: the client closes`, async (t) => {
    const testd = await startTestd(t, ['threads=2', 'sockjs_disconnect_delay_ms=100']);
    const client = await open(t, testd, transport);
    await testd.event('open');
    client.socket.close(3001, 'bye');
    assert.deepEqual(await client.closed, { code: 3001, reason: 'bye', wasClean: true });
    await testd.event('disconnect');
  });
}

test('a refused client is told the reason, whatever it tries first', async (t) => {
  const testd = await startTestd(t);
  const client = new SockJsClient(t, address(testd, '/chat?mode=refuse&reason=not%20today'), {});
  assert.deepEqual(await client.closed, { code: 1008, reason: 'not today', wasClean: true });
});

test('the client finds a transport by itself where WebSockets are off', async (t) => {
  const testd = await startTestd(t, ['endpoint=/chat,1,6']);
  const client = new SockJsClient(t, address(testd, '/chat'), {});
  await client.opened;
  assert.equal(client.socket.transport, 'xhr-streaming');
  client.send('found');
  assert.equal(await client.take(), 'found');
});
