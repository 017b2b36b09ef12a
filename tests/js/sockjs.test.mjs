// SockJS in bytes, test by test after sockjs-protocol 0.3.3, the list of what its authors check at a server. The echo service of
// that list is a room with one member. Then what the list leaves out. docs/sockjs.md says what is different, and why.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { Client, Queue, atEnd, connect, connectOnly, refusalStatus, startChatd, startTestd, test } from './support.mjs';

const options = ['--threads', '2', '--sockjs', 'all', '--sockjs-response-bytes', '4096', '--sockjs-script', '/sockjs.js',
  '--origin', '*', '--max-message-bytes', '200000'];

// Each request has a connection of its own, so that it may come to any loop. The room is the session's own.
class Server {
  constructor(t, port, prefix = '/chat') {
    Object.assign(this, { t, port, prefix });
  }

  static async start(t, more = [], prefix = '/chat') {
    return new Server(t, (await startChatd(t, [...options, ...more])).port, prefix);
  }

  begin(method, address, { body, headers = {} } = {}) {
    const request = http.request({ port: this.port, host: '127.0.0.1', method, path: this.prefix + address, agent: false,
      headers: { ...(method === 'POST' ? { 'Content-Length': Buffer.byteLength(body ?? '') } : {}), ...headers } });
    request.on('error', () => {});
    atEnd(this.t, () => request.destroy());
    request.end(body);
    return request;
  }

  // The whole answer.
  async ask(method, address, more) {
    const [response] = await once(this.begin(method, address, more), 'response');
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part;
    return { status: response.statusCode, headers: response.headers, body: text };
  }

  get(address, more) {
    return this.ask('GET', address, more);
  }

  post(address, body, headers = {}) {
    return this.ask('POST', address, { body, headers });
  }

  // An answer without end, of which read() gives as many bytes as are asked for, or '' at its end.
  async stream(method, address, more) {
    const request = this.begin(method, address, more);
    const [response] = await once(request, 'response');
    let text = '';
    let ended = false;
    const changes = new Queue();
    response.setEncoding('utf8').on('data', (part) => { text += part; changes.push(1); });
    response.on('end', () => { ended = true; changes.push(1); });
    response.on('error', () => { ended = true; changes.push(1); });
    const until = async (fits) => {
      while (!fits() && !ended) await changes.take();
      return fits();
    };
    return {
      status: response.statusCode,
      headers: response.headers,
      async read(end) {
        if (!await until(() => text.includes(end))) return text;
        const taken = text.slice(0, text.indexOf(end) + end.length);
        text = text.slice(taken.length);
        return taken;
      },
      async readRest() {
        await until(() => false);
        return text;
      },
      close: () => request.destroy(),
    };
  }

  session() {
    const id = randomUUID();
    return { path: `/000/${id}`, query: `?room=${id}` };
  }

  // A session that has received its open frame by polling.
  async polling() {
    const { path, query } = this.session();
    const opened = await this.post(`${path}/xhr${query}`);
    assert.deepEqual([opened.status, opened.body], [200, 'o\n']);
    return path;
  }

  websocket(address) {
    return new Client(this.t, `ws://127.0.0.1:${this.port}${this.prefix}${address}`).opened();
  }
}

function verifyCors(answer, origin) {
  assert.equal(answer.headers['access-control-allow-origin'], origin && origin !== 'null' ? origin : '*');
  assert.equal(answer.headers['access-control-allow-credentials'], 'true');
}

// Version 0.3.3 has no no-transform; the reference server does.
function verifyNotCached(answer) {
  assert.equal(answer.headers['cache-control'], 'no-store, no-cache, no-transform, must-revalidate, max-age=0');
  assert.equal(answer.headers.expires, undefined);
  assert.equal(answer.headers['last-modified'], undefined);
}

function verifyCached(answer) {
  assert.match(answer.headers['cache-control'], /public/);
  assert.match(answer.headers['cache-control'], /max-age=[1-9][0-9]{6}/);
  assert.ok(Date.parse(answer.headers.expires) > Date.now());
  assert.equal(answer.headers['last-modified'], undefined);
}

async function verifyOptions(server, address, methods) {
  for (const origin of [undefined, 'test', 'null']) {
    const answer = await server.ask('OPTIONS', address, { headers: origin ? { Origin: origin } : {} });
    assert.equal(answer.status, 204);
    verifyCached(answer);
    assert.ok(Number(answer.headers['access-control-max-age']) > 1_000_000);
    assert.equal(answer.headers['access-control-allow-methods'], methods);
    assert.equal(answer.body, '');
    verifyCors(answer, origin);
  }
}

function contentType(answer) {
  return (answer.headers['content-type'] ?? '').replaceAll(' ', '');
}

// BaseUrlGreeting ------------------------------------------------------------------------------------------------------

test('greeting', async (t) => {
  const server = await Server.start(t);
  for (const address of ['', '/']) {
    const answer = await server.get(address);
    assert.deepEqual([answer.status, contentType(answer), answer.body],
      [200, 'text/plain;charset=UTF-8', 'Welcome to SockJS!\n']);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
  for (const address of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/']) {
    assert.equal((await server.get(address)).status, 404, address);
  }
});

// IframePage -----------------------------------------------------------------------------------------------------------

test('iframe page: address, version, query, cache', async (t) => {
  const server = await Server.start(t);
  for (const name of ['/iframe.html', '/iframe-a.html', '/iframe-.html', '/iframe-0.1.2.html',
    '/iframe-0.1.2abc-dirty.2144.html', '/iframe-a.html?t=1234']) {
    const answer = await server.get(name);
    assert.deepEqual([answer.status, contentType(answer)], [200, 'text/html;charset=UTF-8']);
    verifyCached(answer);
    assert.ok(answer.headers.etag);
    assert.equal(answer.headers['set-cookie'], undefined);
    assert.match(answer.body, /<script src="\/sockjs\.js"><\/script>/);
    assert.match(answer.body, /SockJS\.bootstrap_iframe\(\)/);
  }
  for (const name of ['/iframe.htm', '/iframe', '/IFRAME.HTML', '/IFRAME', '/iframe.HTML', '/iframe.xml', '/iframe-/.html']) {
    assert.equal((await server.get(name)).status, 404, name);
  }
  const { etag } = (await server.get('/iframe.html')).headers;
  assert.equal((await server.get('/iframe-b.html')).headers.etag, etag);
  const known = await server.get('/iframe.html', { headers: { 'If-None-Match': etag } });
  assert.deepEqual([known.status, known.headers['content-type'], known.body], [304, undefined, '']);
});

// InfoTest -------------------------------------------------------------------------------------------------------------

test('info', async (t) => {
  const server = await Server.start(t);
  const first = await server.get('/info');
  assert.deepEqual([first.status, contentType(first)], [200, 'application/json;charset=UTF-8']);
  assert.equal(first.headers['set-cookie'], undefined);
  verifyNotCached(first);
  verifyCors(first);
  const info = JSON.parse(first.body);
  assert.deepEqual([info.websocket, info.cookie_needed, info.origins], [true, false, ['*:*']]);
  assert.ok(Number.isInteger(info.entropy) && info.entropy >= 0 && info.entropy < 2 ** 32);
  assert.notEqual(JSON.parse((await server.get('/info')).body).entropy, info.entropy);
  await verifyOptions(server, '/info', 'OPTIONS, GET');
});

test('info of an endpoint without WebSockets', async (t) => {
  const testd = await startTestd(t, ['endpoint=/chat,1,6']);
  const server = new Server(t, testd.servers[0].port);
  assert.equal(JSON.parse((await server.get('/info')).body).websocket, false);
  assert.equal((await server.get('/0/0/websocket')).status, 404);
  await assert.rejects(server.websocket('/0/0/websocket'), { status: 404 });
});

// SessionURLs ----------------------------------------------------------------------------------------------------------

test('session addresses', async (t) => {
  const server = await Server.start(t);
  for (const path of ['/a/a', '/_/_', '/1/1', '/abcdefgh_i-j%20/abcdefg_i-j%20']) {
    assert.equal((await server.post(`${path}/xhr`)).body, 'o\n');
  }
  for (const path of ['//', '/a./a', '/a/a.', '/./.', '/', '///']) {
    assert.equal((await server.get(`${path}/xhr`)).status, 404, path);
    assert.equal((await server.post(`${path}/xhr`)).status, 404, path);
  }
  const path = await server.polling();
  assert.equal((await server.post(`${path}/xhr_send`, '["a"]')).status, 204);
  assert.equal((await server.post(`${path.replace('000', '999')}/xhr`)).body, 'a["a"]\n');
});

// Protocol -------------------------------------------------------------------------------------------------------------

test('a simple session', async (t) => {
  const server = await Server.start(t);
  const path = await server.polling();
  const sent = await server.post(`${path}/xhr_send`, '["a"]');
  assert.deepEqual([sent.status, sent.body], [204, '']);
  assert.equal((await server.post(`${path}/xhr`)).body, 'a["a"]\n');
  assert.equal((await server.post('/000/bad_session/xhr_send', '["a"]')).status, 404);
});

test('a closed session gives the close frame to each request', async (t) => {
  const testd = await startTestd(t, ['threads=2']);
  const server = new Server(t, testd.servers[0].port);
  const path = await server.polling();
  const { client } = await testd.event('open');
  await testd.command('kick', 0, client, 'Go away!');
  for (let i = 0; i < 3; i += 1) {
    const answer = await server.post(`${path}/xhr`);
    assert.deepEqual([answer.status, answer.body], [200, 'c[1008,"Go away!"]\n']);
  }
});

// WebsocketHttpErrors, WebsocketHybi10 ---------------------------------------------------------------------------------
// Version 13 is the only one here; hixie-75, hixie-76 and the drafts 7 and 10 have had no browser since 2012.

test('requests that are no WebSocket handshake', async (t) => {
  const server = await Server.start(t);
  const plain = await server.get('/0/0/websocket');
  assert.deepEqual([plain.status, plain.body], [400, 'Can "Upgrade" only to "WebSocket".']);
  const wrong = await server.get('/0/0/websocket', { headers: { Upgrade: 'WebSocket', Connection: 'close' } });
  assert.equal(wrong.status, 400);
  for (const headers of [{}, { Upgrade: 'WebSocket', Connection: 'Upgrade' }]) {
    const answer = await server.post('/0/0/websocket', '', headers);
    assert.deepEqual([answer.status, answer.headers.allow, answer.headers['content-type'], answer.body],
      [405, 'GET', undefined, '']);
  }
});

test('a WebSocket session', async (t) => {
  const server = await Server.start(t);
  const socket = await server.websocket('/000/a/websocket?room=one');
  assert.equal(await socket.take(), 'o');
  socket.send('');
  socket.send('["a"]');
  assert.equal(await socket.take(), 'a["a"]');
});

test('two WebSockets may have one session id', async (t) => {
  const server = await Server.start(t);
  const first = await server.websocket('/000/same/websocket?room=one');
  const second = await server.websocket('/000/same/websocket?room=two');
  assert.equal(await first.take(), 'o');
  assert.equal(await second.take(), 'o');
  first.send('["a"]');
  second.send('["b"]');
  assert.equal(await first.take(), 'a["a"]');
  assert.equal(await second.take(), 'a["b"]');
  await first.close();
  const third = await server.websocket('/000/same/websocket?room=one');
  assert.equal(await third.take(), 'o');
});

test('a closed WebSocket session gets the close frame first', async (t) => {
  const testd = await startTestd(t);
  const server = new Server(t, testd.servers[0].port);
  const socket = await server.websocket('/000/a/websocket');
  assert.equal(await socket.take(), 'o');
  const { client } = await testd.event('open');
  await testd.command('kick', 0, client, 'Go away!');
  assert.equal(await socket.take(), 'c[1008,"Go away!"]');
  assert.deepEqual(await socket.closed, { code: 1000, reason: '' });
});

test('a WebSocket with broken JSON is closed', async (t) => {
  const server = await Server.start(t);
  const socket = await server.websocket('/000/a/websocket');
  assert.equal(await socket.take(), 'o');
  socket.send('["a');
  assert.deepEqual(await socket.closed, { code: 3000, reason: 'Broken framing.' });
});

// XhrPolling -----------------------------------------------------------------------------------------------------------

test('xhr polling', async (t) => {
  const server = await Server.start(t);
  for (const name of ['xhr', 'xhr_send', 'xhr_streaming']) await verifyOptions(server, `/abc/abc/${name}`, 'OPTIONS, POST');
  const { path, query } = server.session();
  const opened = await server.post(`${path}/xhr${query}`);
  assert.deepEqual([opened.status, opened.body, contentType(opened)], [200, 'o\n', 'application/javascript;charset=UTF-8']);
  const sent = await server.post(`${path}/xhr_send`, '["x"]');
  assert.deepEqual([sent.status, sent.body, contentType(sent)], [204, '', 'text/plain;charset=UTF-8']);
  for (const answer of [opened, sent]) {
    verifyCors(answer);
    verifyNotCached(answer);
  }
  assert.equal((await server.post(`${path}/xhr`)).body, 'a["x"]\n');
  assert.equal((await server.post(`/000/${randomUUID()}/xhr_send`, '["x"]')).status, 404);
});

test('bodies that are not JSON, and their types', async (t) => {
  const server = await Server.start(t);
  const path = await server.polling();
  const broken = await server.post(`${path}/xhr_send`, '["x');
  assert.deepEqual([broken.status, broken.body], [500, 'Broken JSON encoding.']);
  const empty = await server.post(`${path}/xhr_send`, '');
  assert.deepEqual([empty.status, empty.body], [500, 'Payload expected.']);
  const types = ['text/plain', 'T', 'application/json', 'application/xml', '', 'application/json; charset=utf-8',
    'text/xml; charset=utf-8', 'text/xml'];
  for (const type of types) {
    assert.equal((await server.post(`${path}/xhr_send`, '["a"]', { 'Content-Type': type })).status, 204);
  }
  assert.equal((await server.post(`${path}/xhr`)).body, `a[${types.map(() => '"a"').join(',')}]\n`);
});

test('requested headers are allowed', async (t) => {
  const server = await Server.start(t);
  for (const [asked, allowed] of [['a, b, c', 'a, b, c'], ['', undefined]]) {
    const answer = await server.post(`/000/${randomUUID()}/xhr`, '', { 'Access-Control-Request-Headers': asked });
    assert.equal(answer.status, 200);
    verifyCors(answer);
    assert.equal(answer.headers['access-control-allow-headers'], allowed);
  }
});

// XhrStreaming, EventSource, HtmlFile ----------------------------------------------------------------------------------

test('xhr streaming', async (t) => {
  const server = await Server.start(t);
  const { path, query } = server.session();
  const stream = await server.stream('POST', `${path}/xhr_streaming${query}`);
  assert.deepEqual([stream.status, contentType(stream)], [200, 'application/javascript;charset=UTF-8']);
  verifyCors(stream);
  verifyNotCached(stream);
  assert.equal(await stream.read('\n'), `${'h'.repeat(2048)}\n`);
  assert.equal(await stream.read('\n'), 'o\n');
  assert.equal((await server.post(`${path}/xhr_send`, '["x"]')).status, 204);
  assert.equal(await stream.read('\n'), 'a["x"]\n');
});

test('a streaming response ends at its limit', async (t) => {
  const server = await Server.start(t);
  const { path, query } = server.session();
  const stream = await server.stream('POST', `${path}/xhr_streaming${query}`);
  assert.equal(await stream.read('o\n'), `${'h'.repeat(2048)}\no\n`);
  const message = `"${'x'.repeat(128)}"`;
  for (let i = 0; i < 31; i += 1) {
    assert.equal((await server.post(`${path}/xhr_send`, `[${message}]`)).status, 204);
    assert.equal(await stream.read('\n'), `a[${message}]\n`);
  }
  assert.equal(await stream.readRest(), '');
  // Nothing is lost in between.
  assert.equal((await server.post(`${path}/xhr_send`, '["between"]')).status, 204);
  const next = await server.stream('POST', `${path}/xhr_streaming`);
  await next.read('\n');
  assert.equal(await next.read('\n'), 'a["between"]\n');
});

test('eventsource', async (t) => {
  const server = await Server.start(t);
  const { path, query } = server.session();
  const stream = await server.stream('GET', `${path}/eventsource${query}`);
  // Version 0.3.3 has a charset here. The standard of event streams has none, and the reference server sends none.
  assert.deepEqual([stream.status, contentType(stream)], [200, 'text/event-stream']);
  verifyNotCached(stream);
  assert.equal(await stream.read('\r\n'), '\r\n');
  assert.equal(await stream.read('\r\n\r\n'), 'data: o\r\n\r\n');
  await server.post(`${path}/xhr_send`, '["x"]');
  assert.equal(await stream.read('\r\n\r\n'), 'data: a["x"]\r\n\r\n');
  await server.post(`${path}/xhr_send`, '["  \\u0000\\n\\r "]');
  assert.equal(await stream.read('\r\n\r\n'), 'data: a["  \\u0000\\n\\r "]\r\n\r\n');
  const long = 'x'.repeat(4096);
  await server.post(`${path}/xhr_send`, `["${long}"]`);
  assert.equal(await stream.readRest(), `data: a["${long}"]\r\n\r\n`);
});

test('htmlfile', async (t) => {
  const server = await Server.start(t);
  const { path, query } = server.session();
  const stream = await server.stream('GET', `${path}/htmlfile${query}&c=%63allback`);
  assert.deepEqual([stream.status, contentType(stream)], [200, 'text/html;charset=UTF-8']);
  verifyNotCached(stream);
  const page = await stream.read('\r\n\r\n');
  assert.ok(page.length > 1024);
  assert.match(page, /var c = parent\.callback;/);
  assert.equal(await stream.read('\r\n'), '<script>\np("o");\n</script>\r\n');
  await server.post(`${path}/xhr_send`, '["x"]');
  assert.equal(await stream.read('\r\n'), '<script>\np("a[\\"x\\"]");\n</script>\r\n');
  const long = 'x'.repeat(4096);
  await server.post(`${path}/xhr_send`, `["${long}"]`);
  assert.equal(await stream.readRest(), `<script>\np("a[\\"${long}\\"]");\n</script>\r\n`);
  const without = await server.get('/a/a/htmlfile');
  assert.deepEqual([without.status, without.body], [500, '"callback" parameter required']);
});

// JsonPolling ----------------------------------------------------------------------------------------------------------

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

test('jsonp polling', async (t) => {
  const server = await Server.start(t);
  const { path, query } = server.session();
  const opened = await server.get(`${path}/jsonp${query}&c=%63allback`);
  assert.deepEqual([opened.status, contentType(opened), opened.body],
    [200, 'application/javascript;charset=UTF-8', '/**/callback("o");\r\n']);
  const sent = await server.post(`${path}/jsonp_send`, 'd=%5B%22x%22%5D', form);
  assert.deepEqual([sent.status, contentType(sent), sent.body], [200, 'text/plain;charset=UTF-8', 'ok']);
  for (const answer of [opened, sent]) verifyNotCached(answer);
  assert.equal((await server.get(`${path}/jsonp?c=%63allback`)).body, '/**/callback("a[\\"x\\"]");\r\n');

  const without = await server.get('/a/a/jsonp');
  assert.deepEqual([without.status, without.body], [500, '"callback" parameter required']);
  const broken = await server.post(`${path}/jsonp_send`, 'd=%5B%22x', form);
  assert.deepEqual([broken.status, broken.body], [500, 'Broken JSON encoding.']);
  for (const body of ['', 'd=', 'p=p']) {
    const empty = await server.post(`${path}/jsonp_send`, body, form);
    assert.deepEqual([empty.status, empty.body], [500, 'Payload expected.']);
  }
  await server.post(`${path}/jsonp_send`, 'd=%5B%22abc%22%5D', form);
  await server.post(`${path}/jsonp_send`, '["%61bc"]', { 'Content-Type': 'text/plain' });
  assert.equal((await server.get(`${path}/jsonp?c=x`)).body, '/**/x("a[\\"abc\\",\\"%61bc\\"]");\r\n');
});

// JsessionidCookie -----------------------------------------------------------------------------------------------------

test('cookies for load balancers', async (t) => {
  const server = await Server.start(t, ['--sockjs-cookie']);
  const info = await server.get('/info');
  assert.equal(info.headers['set-cookie'], undefined);
  assert.equal(JSON.parse(info.body).cookie_needed, true);
  const cookie = (answer) => answer.headers['set-cookie'];
  const url = () => `/000/${randomUUID()}`;
  const dummy = ['JSESSIONID=dummy; path=/'];
  assert.deepEqual(cookie(await server.post(`${url()}/xhr`)), dummy);
  assert.deepEqual(cookie(await server.post(`${url()}/xhr`, '', { Cookie: 'JSESSIONID=abcdef' })), ['JSESSIONID=abcdef; path=/']);
  assert.deepEqual(cookie(await server.stream('POST', `${url()}/xhr_streaming`)), dummy);
  assert.deepEqual(cookie(await server.stream('GET', `${url()}/eventsource`)), dummy);
  assert.deepEqual(cookie(await server.stream('GET', `${url()}/htmlfile?c=%63allback`)), dummy);
  const path = url();
  assert.deepEqual(cookie(await server.get(`${path}/jsonp?c=%63allback`)), dummy);
  assert.deepEqual(cookie(await server.post(`${path}/jsonp_send`, 'd=%5B%22x%22%5D', form)), dummy);
});

// RawWebsocket ---------------------------------------------------------------------------------------------------------

test('a raw WebSocket', async (t) => {
  const server = await Server.start(t);
  const socket = await server.websocket('/websocket');
  socket.send('Hello world!\uffff');
  assert.equal(await socket.take(), 'Hello world!\uffff');
});

// JSONEncoding ---------------------------------------------------------------------------------------------------------

test('the server escapes what browsers change, and reads what clients escape', async (t) => {
  const server = await Server.start(t);
  const path = await server.polling();
  const codes = (fits) => Array.from({ length: 65_536 }, (_, code) => code).filter(fits);
  const hex = (code) => `\\u${code.toString(16).padStart(4, '0')}`;
  const killers = codes((code) => (code >= 0x200c && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) ||
    (code >= 0x2060 && code <= 0x206f) || code >= 0xfff0);
  const text = killers.map((code) => String.fromCharCode(code)).join('');
  assert.equal((await server.post(`${path}/xhr_send`, JSON.stringify([text]))).status, 204);
  assert.equal((await server.post(`${path}/xhr`)).body, `a["${killers.map(hex).join('')}"]\n`);
  // Surrogates alone are no character: docs/sockjs.md.
  const escaped = codes((code) => code < 0xd800 || code > 0xdfff).map(hex).join('');
  for (let at = 0; at < escaped.length; at += 60_000) {
    const part = `"${escaped.slice(at, at + 60_000)}"`;
    assert.equal((await server.post(`${path}/xhr_send`, `[${part}]`)).status, 204);
    assert.equal(JSON.parse((await server.post(`${path}/xhr`)).body.slice(1))[0], JSON.parse(part));
  }
});

// HandlingClose --------------------------------------------------------------------------------------------------------

test('a closed stream, and the one after it', async (t) => {
  const testd = await startTestd(t, ['threads=2']);
  const server = new Server(t, testd.servers[0].port);
  const { path } = server.session();
  const first = await server.stream('POST', `${path}/xhr_streaming`);
  await first.read('o\n');
  const { client } = await testd.event('open');
  await testd.command('kick', 0, client, 'Go away!');
  assert.equal(await first.readRest(), 'c[1008,"Go away!"]\n');
  const second = await server.stream('POST', `${path}/xhr_streaming`);
  await second.read('h\n');
  assert.equal(await second.readRest(), 'c[1008,"Go away!"]\n');
});

test('a second and an aborted request of streaming', async (t) => {
  const server = await Server.start(t);
  const { path } = server.session();
  const open = () => server.stream('POST', `${path}/xhr_streaming`);
  const first = await open();
  await first.read('o\n');
  const second = await open();
  await second.read('h\n');
  assert.equal(await second.readRest(), 'c[2010,"Another connection still open"]\n');
  first.close();
  // The server learns of the end of the first one in its own time.
  for (;;) {
    const third = await open();
    await third.read('h\n');
    const rest = await third.readRest();
    if (rest === 'c[1002,"Connection interrupted"]\n') break;
    assert.equal(rest, 'c[2010,"Another connection still open"]\n');
  }
});

test('a second and an aborted request of polling', async (t) => {
  const server = await Server.start(t);
  const path = await server.polling();
  // The one that comes first is held; the other one is answered.
  const both = [0, 1].map(() => server.begin('POST', `${path}/xhr`));
  const answers = both.map((request) => new Promise((resolve) => { request.on('response', (response) => resolve([request, response])); }));
  const [answered, response] = await Promise.race(answers);
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += part;
  assert.equal(body, 'c[2010,"Another connection still open"]\n');
  both.find((request) => request !== answered).destroy();
  for (;;) {
    const next = await server.post(`${path}/xhr`);
    if (next.body === 'c[1002,"Connection interrupted"]\n') break;
    assert.equal(next.body, 'c[2010,"Another connection still open"]\n');
  }
});

// Http10, Http11 -------------------------------------------------------------------------------------------------------

// The whole answer of a connection that the server closes.
async function raw(port, text) {
  const socket = net.connect(port, '127.0.0.1');
  socket.end(text);
  let all = '';
  for await (const part of socket.setEncoding('latin1')) all += part;
  return all;
}

test('HTTP/1.0', async (t) => {
  const testd = await startTestd(t);
  const { port } = testd.servers[0];
  const greeting = await raw(port, 'GET /chat HTTP/1.0\r\nHost: a\r\n\r\n');
  assert.match(greeting, /Content-Length: 19\r\n/);
  assert.doesNotMatch(greeting, /Transfer-Encoding/i);
  assert.ok(greeting.endsWith('Welcome to SockJS!\n'));
  const opened = testd.event('open').then(({ client }) => testd.command('kick', 0, client, 'Go away!'));
  const socket = net.connect(port, '127.0.0.1');
  socket.write('POST /chat/000/a/xhr_streaming HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n');
  let stream = '';
  for await (const part of socket.setEncoding('latin1')) stream += part;
  await opened;
  assert.doesNotMatch(stream, /Transfer-Encoding|Content-Length/i);
  assert.ok(stream.endsWith(`${'h'.repeat(2048)}\no\nc[1008,"Go away!"]\n`));
});

test('HTTP/1.1', async (t) => {
  const server = await Server.start(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  atEnd(t, () => agent.destroy());
  const sockets = new Set();
  for (let i = 0; i < 2; i += 1) {
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/chat', agent });
    request.on('socket', (socket) => sockets.add(socket));
    const [response] = await once(request, 'response');
    assert.equal(response.headers['content-length'], '19');
    response.resume();
    await once(response, 'end');
  }
  assert.equal(sockets.size, 1);
  const stream = await server.stream('POST', `${server.session().path}/xhr_streaming`);
  assert.equal(stream.headers['transfer-encoding'], 'chunked');
  assert.equal(stream.headers['content-length'], undefined);
});

// What the list leaves out ---------------------------------------------------------------------------------------------

test('SockJS clients and plain WebSockets are in one room', async (t) => {
  const server = await Server.start(t);
  const plain = await connect(t, `ws://127.0.0.1:${server.port}/chat?room=one`);
  const stream = await server.stream('POST', '/000/x/xhr_streaming?room=one');
  await stream.read('o\n');
  plain.send('from a WebSocket, with 한국어 and 💬');
  assert.equal(await stream.read('\n'), 'a["from a WebSocket, with 한국어 and \\ud83d\\udcac"]\n');
  await server.post('/000/x/xhr_send', '["from SockJS"]');
  assert.equal(await plain.take((text) => !text.startsWith('from a')), 'from SockJS');
});

test('chat.v1 over SockJS', async (t) => {
  const server = await Server.start(t, [], '/chat.v1');
  const socket = await server.websocket('/000/x/websocket');
  assert.equal(await socket.take(), 'o');
  const frame = await socket.take();
  assert.equal(frame[0], 'a');
  assert.equal(JSON.parse(JSON.parse(frame.slice(1))[0]).type, 'welcome');
});

test('the server stops with a close frame', async (t) => {
  const testd = await startTestd(t, ['threads=2', 'drain_timeout_ms=20000']);
  const server = new Server(t, testd.servers[0].port);
  const { path } = server.session();
  const stream = await server.stream('POST', `${path}/xhr_streaming`);
  await stream.read('o\n');
  const socket = await server.websocket('/000/a/websocket');
  assert.equal(await socket.take(), 'o');
  const poll = await server.polling();
  const waiting = server.post(`${poll}/xhr`);
  await testd.event('open');
  await testd.event('open');
  await testd.event('open');
  // The poll is at the server when a message comes back by it.
  await server.post(`${poll}/xhr_send`, '["here"]');
  assert.equal((await waiting).body, 'a["here"]\n');
  testd.command('stop', 0);
  assert.match(await stream.readRest(), /c\[3000,"Go away!"\]\n$/);
  assert.equal(await socket.take((text) => text[0] === 'c'), 'c[3000,"Go away!"]');
  for (let i = 0; i < 3; i += 1) assert.equal((await testd.event('disconnect')).close_code, 1001);
});

test('the application sees the transports', async (t) => {
  const testd = await startTestd(t);
  const server = new Server(t, testd.servers[0].port);
  await server.polling();
  assert.equal((await testd.event('connect')).transport, 2);
  await (await server.stream('POST', '/000/x/xhr_streaming')).read('o\n');
  assert.equal((await testd.event('connect')).transport, 4);
  await server.websocket('/000/x/websocket');
  assert.equal((await testd.event('connect')).transport, 1);
});

test('script transports are off by default, and another site cannot use them', async (t) => {
  const chatd = await startChatd(t);
  const server = new Server(t, chatd.port);
  for (const name of ['jsonp?c=x', 'htmlfile?c=x']) assert.equal((await server.get(`/0/0/${name}`)).status, 404);
  assert.equal((await server.get('/iframe.html')).status, 404);
  const all = await Server.start(t);
  for (const name of ['jsonp?c=x', 'htmlfile?c=x']) {
    assert.equal((await all.get(`/0/0/${name}`, { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status, 403);
  }
  const off = new Server(t, (await startChatd(t, ['--sockjs', 'off'])).port);
  assert.equal((await off.get('')).status, 426);
  assert.equal((await off.get('/info')).status, 404);
});

test('an origin that is not allowed is refused everywhere', async (t) => {
  const chatd = await startChatd(t, ['--sockjs', 'all', '--origin', 'https://a.test', '--sockjs-script', '/s.js']);
  const server = new Server(t, chatd.port);
  const headers = { Origin: 'https://b.test' };
  assert.equal((await server.get('/info', { headers })).status, 403);
  assert.equal((await server.ask('OPTIONS', '/0/0/xhr', { headers })).status, 403);
  for (const name of ['xhr', 'xhr_streaming', 'xhr_send', 'jsonp_send']) {
    assert.equal((await server.post(`/0/0/${name}`, '', headers)).status, 403, name);
  }
  assert.equal((await server.get('/0/0/eventsource', { headers })).status, 403);
  for (const address of ['/chat/websocket', '/chat/0/0/websocket']) {
    assert.equal(await refusalStatus(t, chatd.url(address), [], { headers }), 403);
  }
  assert.equal((await server.get('/iframe.html')).headers['content-security-policy'], "frame-ancestors 'self' https://a.test");
  await connectOnly(t, chatd.url('/chat/0/0/websocket'), [], { headers: { Origin: 'https://a.test' } });
});

test('a body may be chunked, and may be too large', async (t) => {
  const server = await Server.start(t, ['--max-http-body-bytes', '1000']);
  const path = await server.polling();
  const request = http.request({ port: server.port, host: '127.0.0.1', method: 'POST', path: `/chat${path}/xhr_send`,
    headers: { 'Transfer-Encoding': 'chunked' }, agent: false });
  request.write('["on');
  request.end('e"]');
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 204);
  assert.equal((await server.post(`${path}/xhr`)).body, 'a["one"]\n');
  const large = await server.post(`${path}/xhr_send`, JSON.stringify(['x'.repeat(2_000)]));
  assert.equal(large.status, 413);
  verifyCors(large);
});
