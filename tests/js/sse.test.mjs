// The HTTP interface with its usual clients: fetch and the eventsource package in Node, fetch and EventSource in chromium.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { EventSource } from 'eventsource';
import { skip, startBrowser } from './browser_support.mjs';
import { Queue, atEnd, connectV1, startChatd, startTestd, test } from './support.mjs';

const texts = ['hello', '한국어 💬', '"quotes" and \\', 'two\nlines\r\n', 'nul \u0000', '\u2028\u2029\ufeff', 'data: x\n\nid: 7\n', ''];

// An EventSource whose events of these names are in a queue.
function listen(t, url, options = {}, names = ['message', 'welcome', 'joined', 'gap', 'close', 'problem']) {
  const source = new EventSource(url, options);
  source.events = new Queue();
  for (const name of names) {
    source.addEventListener(name, ({ data, lastEventId }) => source.events.push({ ...JSON.parse(data), kind: name, lastEventId }));
  }
  source.take = async (name) => {
    for (;;) {
      const event = await source.events.take();
      if (event.kind === name) return event;
    }
  };
  atEnd(t, () => source.close());
  return source;
}

const post = (url, value, headers = {}) =>
  fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) });

for (const threads of [1, 3]) {
  test(`fetch and eventsource talk with a WebSocket, ${threads} threads`, async (t) => {
    const chatd = await startChatd(t, ['--threads', String(threads)]);
    const source = listen(t, chatd.http('/rooms/dev/events'));
    const welcome = await source.take('welcome');
    const ann = await connectV1(t, chatd, '?room=dev');
    for (const [index, text] of texts.entries()) {
      const seq = index + 1;
      const answer = await post(chatd.http('/rooms/dev/messages'), { text });
      assert.deepEqual([answer.status, await answer.json()], [201, { seq, epoch: welcome.epoch }]);
      const event = await source.take('message');
      assert.deepEqual([event.text, event.seq, event.lastEventId], [text, seq, `${welcome.epoch}:${seq}`]);
    }
    ann.send(JSON.stringify({ type: 'send', text: 'from a WebSocket' }));
    assert.equal((await source.take('message')).text, 'from a WebSocket');
    const history = await (await fetch(chatd.http('/rooms/dev/messages'))).json();
    assert.deepEqual(history.messages.map(({ text }) => text), [...texts, 'from a WebSocket']);
  });
}

test('eventsource reconnects, and receives what it missed', async (t) => {
  const testd = await startTestd(t, ['threads=2']);
  const source = listen(t, testd.http('/rooms/dev/events'));
  await source.take('welcome');
  await post(testd.http('/rooms/dev/messages'), { text: 'one' });
  assert.equal((await source.take('message')).text, 'one');
  const { client } = await testd.event('join', ({ room }) => room === 'dev');
  await testd.command('kick', 0, client, 'for a moment');
  assert.equal((await source.take('close')).reason, 'for a moment');
  for (const text of ['two', 'three']) await post(testd.http('/rooms/dev/messages'), { text });
  const welcome = await source.take('welcome');
  assert.deepEqual([welcome.resumed, welcome.complete], [true, true]);
  assert.equal((await source.take('message')).text, 'two');
  assert.equal((await source.take('message')).text, 'three');
  await post(testd.http('/rooms/dev/messages'), { text: 'four' });
  assert.equal((await source.take('message')).text, 'four');
});

test('eventsource stops at a refusal', async (t) => {
  const testd = await startTestd(t);
  const source = listen(t, testd.http('/rooms/closed/events'));
  const error = await new Promise((resolve) => { source.onerror = resolve; });
  assert.equal(error.code, 403);
  assert.equal(source.readyState, EventSource.CLOSED);
});

test('fetch: long polling, gzip, keys and errors', async (t) => {
  const chatd = await startChatd(t);
  const url = chatd.http('/rooms/dev/messages');
  const waiting = fetch(`${url}?wait=60`);
  const key = { 'Idempotency-Key': 'once' };
  const [first, again] = [await post(url, { text: 'x'.repeat(5000) }, key), await post(url, { text: 'x'.repeat(5000) }, key)];
  assert.deepEqual(await again.json(), await first.json());
  assert.equal((await (await waiting).json()).messages[0].text.length, 5000);
  const answer = await fetch(url);
  assert.equal(answer.headers.get('content-encoding'), 'gzip');
  assert.equal((await answer.json()).messages.length, 1);
  const form = await fetch(url, { method: 'POST', body: new URLSearchParams({ text: 'a+b & c', event: 'note' }) });
  assert.equal(form.status, 201);
  const text = await fetch(url, { method: 'POST', body: 'plain' });
  assert.equal(text.status, 201);
  const refused = await fetch(chatd.http('/rooms'));
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual([refused.status, (await refused.json()).code], [403, 'forbidden']);
});

// In chromium ---------------------------------------------------------------------------------------------------------

// An empty page at an origin of its own.
async function startSite(t) {
  const server = http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!DOCTYPE html><title>a page</title><body></body>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return `http://127.0.0.1:${server.address().port}`;
}

// In the page: listens, sends the texts, and resolves with what was heard.
async function talk([base, said, credentials]) {
  const source = new window.EventSource(`${base}/rooms/dev/events?room=other`, { withCredentials: credentials });
  const heard = [];
  const done = new Promise((resolve, reject) => {
    source.addEventListener('message', ({ data }) => {
      heard.push(JSON.parse(data).text);
      if (heard.length === said.length) resolve();
    });
    source.onerror = () => reject(new Error('the stream broke'));
  });
  await new Promise((resolve, reject) => {
    source.addEventListener('joined', resolve);
    source.addEventListener('error', reject);
  });
  for (const [index, text] of said.entries()) {
    const answer = await fetch(`${base}/rooms/${index % 2 === 0 ? 'dev' : 'other'}/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `key-${index}` },
      credentials: credentials ? 'include' : 'same-origin',
      body: JSON.stringify({ text }),
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  }
  await done;
  source.close();
  const history = await (await fetch(`${base}/rooms/dev/messages?after=1`)).json();
  return { heard, history: history.messages.map(({ text }) => text) };
}

const expected = { heard: texts, history: texts.filter((_, index) => index % 2 === 0).slice(1) };

test('chromium: a page of the server', { skip }, async (t) => {
  const chatd = await startChatd(t, ['--threads', '2']);
  const page = await (await startBrowser(t)).newPage();
  await page.goto(chatd.http('/healthz'));
  assert.deepEqual(await page.evaluate(talk, ['', texts, false]), expected);
});

for (const [credentials, name] of [[false, 'without'], [true, 'with']]) {
  test(`chromium: a page of another origin, ${name} credentials`, { skip }, async (t) => {
    const site = await startSite(t);
    const chatd = await startChatd(t, ['--threads', '2', '--origin', site]);
    const page = await (await startBrowser(t)).newPage();
    await page.goto(site);
    assert.deepEqual(await page.evaluate(talk, [chatd.http(''), texts, credentials]), expected);
  });
}

test('chromium: a page of an origin that is not allowed', { skip }, async (t) => {
  const site = await startSite(t);
  const chatd = await startChatd(t);
  const page = await (await startBrowser(t)).newPage();
  await page.goto(site);
  const outcome = await page.evaluate(async (base) => {
    const read = await fetch(`${base}/rooms/dev/messages`).then(() => 'read', () => 'refused');
    const said = await fetch(`${base}/rooms/dev/messages`, { method: 'POST', body: 'hello' }).then(() => 'read', () => 'refused');
    const source = new window.EventSource(`${base}/rooms/dev/events`);
    await new Promise((resolve) => { source.onerror = resolve; });
    return [read, said, source.readyState];
  }, chatd.http(''));
  assert.deepEqual(outcome, ['refused', 'refused', 2]);
  // A text needs no preflight, so the request itself was refused.
  assert.deepEqual((await (await fetch(chatd.http('/rooms/dev/messages'))).json()).messages, []);
});

test('chromium: EventSource reconnects with its last id, and errors can be read', { skip }, async (t) => {
  const testd = await startTestd(t);
  const page = await (await startBrowser(t)).newPage();
  await page.goto(testd.http('/healthz'));
  await page.evaluate(() => {
    window.heard = [];
    window.source = new window.EventSource('/rooms/dev/events');
    for (const name of ['welcome', 'message', 'close']) {
      window.source.addEventListener(name, ({ data }) => window.heard.push([name, JSON.parse(data)]));
    }
  });
  const heard = (count, name) => page.waitForFunction(
    ([wanted, type]) => window.heard.filter(([each]) => each === type).length === wanted, [count, name]);
  const { client } = await testd.event('join', ({ room }) => room === 'dev');
  await heard(1, 'welcome');
  await post(testd.http('/rooms/dev/messages'), { text: 'one' });
  await heard(1, 'message');
  await testd.command('kick', 0, client, 'for a moment');
  await heard(1, 'close');
  await post(testd.http('/rooms/dev/messages'), { text: 'two' });
  await heard(2, 'message');
  const all = await page.evaluate(() => window.heard.map(([name, { text, resumed }]) => [name, text ?? resumed ?? null]));
  assert.deepEqual(all, [['welcome', false], ['message', 'one'], ['close', null], ['welcome', true], ['message', 'two']]);
  const problem = await page.evaluate(async () => {
    const answer = await fetch('/rooms/dev/messages?mode=refuse&reason=no', { headers: { Authorization: 'Bearer x' } });
    return [answer.status, await answer.json()];
  });
  assert.deepEqual(problem, [403, { type: 'about:blank', title: 'Forbidden', status: 403, code: 'forbidden', detail: 'no' }]);
});
