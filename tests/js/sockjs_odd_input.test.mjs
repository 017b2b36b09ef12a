// Odd and malformed requests, bodies and frames: libchat answers each as the reference server (sockjs) does, or as the table says.
// What is different on purpose is named in docs/sockjs.md, too.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import sockjs from 'sockjs';
import { Client, atEnd, startChatd, test } from './support.mjs';

async function startReference(t) {
  const echo = sockjs.createServer({ prefix: '/chat', log: () => {}, sockjs_url: '/sockjs.js' });
  echo.on('connection', (client) => {
    client?.on('data', (text) => client.write(text));
  });
  const server = http.createServer();
  echo.installHandlers(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return server.address().port;
}

const startLibchat = async (t) => (await startChatd(t, ['--sockjs', 'all', '--sockjs-script', '/sockjs.js'])).port;

async function ask(port, method, path, body = '', headers = {}) {
  const request = http.request({ host: '127.0.0.1', port, method, path: `/chat${path}`, agent: false,
    headers: { ...(method === 'GET' ? {} : { 'Content-Length': Buffer.byteLength(body) }), ...headers } });
  request.end(body);
  const [response] = await once(request, 'response');
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return [response.statusCode, text];
}

// Case by case: the reference's answer, and libchat's where the table has another one.
function compare(name, table, run) {
  test(`the same: ${name}`, async (t) => {
    const [reference, libchat] = [await startReference(t), await startLibchat(t)];
    const problems = [];
    for (const [label, input, different] of table) {
      const theirs = await run(t, reference, input);
      const ours = await run(t, libchat, input);
      const expected = different === undefined ? theirs : different;
      try {
        assert.deepEqual(ours, expected);
        if (different !== undefined) assert.notDeepEqual(theirs, different, 'it is not different');
      } catch {
        problems.push(`${label}: the reference ${JSON.stringify(theirs)}, libchat ${JSON.stringify(ours)}`);
      }
    }
    assert.deepEqual(problems, []);
  });
}

// What the POST is answered, and what comes back when it is well-formed.
async function sendBody(t, port, body) {
  const session = `/000/${randomUUID()}`;
  await ask(port, 'POST', `${session}/xhr?room=${session.slice(5)}`);
  const answer = await ask(port, 'POST', `${session}/xhr_send`, body);
  if (answer[0] !== 204 || body === '[]') return answer;
  return [answer, await ask(port, 'POST', `${session}/xhr`)];
}

const refused = [500, 'Broken JSON encoding.'];

compare('bodies of xhr_send', [
  ['one message', '["a"]'],
  ['several', '["a","b","c"]'],
  ['none', '[]'],
  ['blanks', ' \n[ "a" ,\t"b" ] \r\n'],
  ['an empty message', '[""]'],
  ['escapes', '["\\u00e9\\ud83d\\udcac\\n\\/"]'],
  ['not closed', '["a"'],
  ['a comma too many', '["a",]'],
  ['single quotes', "['a']"],
  ['an invalid escape', '["\\x"]'],
  ['a control character', '["a\nb"]'],
  ['two arrays', '["a"]["b"]'],
  ['text after it', '["a"]x'],
  ['an object', '{"a":"b"}'],
  ['a string', '"a"'],
  ['a number', '1'],
  ['null', 'null'],
  ['numbers', '[1]', refused],
  ['null in it', '["a",null]', refused],
  ['an array in it', '[["a"]]', refused],
], sendBody);

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

compare('bodies of jsonp_send', [
  ['one message', 'd=%5B%22a%22%5D'],
  ['as plus and percent', 'd=%5B%22a+b%2Bc%22%5D'],
  ['another field first', 'x=1&d=%5B%22a%22%5D'],
  ['no field d', 'x=1'],
  ['an empty field', 'd='],
  ['broken', 'd=%5B%22a'],
  ['an invalid percent', 'd=%5B%22%zz%22%5D'],
], async (t, port, body) => {
  const session = `/000/${randomUUID()}`;
  await ask(port, 'GET', `${session}/jsonp?c=x&room=${session.slice(5)}`);
  const answer = await ask(port, 'POST', `${session}/jsonp_send`, body, form);
  return answer[0] === 200 ? [answer, await ask(port, 'GET', `${session}/jsonp?c=x`)] : answer;
});

compare('callbacks', [
  ['letters', 'abc'],
  ['a path', 'window.abc.x1'],
  ['a dash', 'a-b_c'],
  ['none', '', [500, '"callback" parameter required']],
  ['a bracket', 'a%5B0%5D'],
  ['a call', 'alert(1)'],
  ['32 bytes', 'a'.repeat(32)],
  ['33 bytes', 'a'.repeat(33)],
  ['a line', 'a%0A'],
], (t, port, callback) => ask(port, 'GET', `/000/${randomUUID()}/jsonp?c=${callback}`));

compare('addresses and methods', [
  ['the prefix', ['GET', '']], ['with a slash', ['GET', '/']], ['two slashes', ['GET', '//']], ['another', ['GET', '/other']],
  ['one part', ['POST', '/a/xhr']], ['an empty part', ['POST', '//a/xhr']], ['a dot', ['POST', '/a/b./xhr']],
  ['a fourth part', ['POST', '/a/b/c/xhr']], ['an unknown transport', ['POST', '/a/b/carrier']],
  ['GET of xhr', ['GET', '/a/b/xhr']], ['PUT of xhr', ['PUT', '/a/b/xhr']], ['DELETE of info', ['DELETE', '/info']],
  ['POST of eventsource', ['POST', '/a/b/eventsource']], ['POST of the greeting', ['POST', '/']],
  ['a plain GET of websocket', ['GET', '/a/b/websocket'], [400, 'Can "Upgrade" only to "WebSocket".']],
  ['an empty body without a session', ['POST', '/a/none/xhr_send'], [404]],
], async (t, port, [method, path]) => {
  const [status, body] = await ask(port, method, path);
  return status === 404 ? [status] : [status, body]; // the words are each server's own
});

const broken = ['o', 3000, 'Broken framing.'];

// What comes until the end, or until a message that is sent after it comes back.
compare('messages of a WebSocket', [
  ['an array', ['["a"]']],
  ['a string', ['"a"']],
  ['empty', ['']],
  ['an empty array', ['[]']],
  ['not JSON', ['a']],
  ['not closed', ['["a"']],
  ['an object', ['{}'], broken],
  ['a number', ['1'], broken],
  ['a number in an array', ['[1]'], broken],
], async (t, port, messages) => {
  const client = await new Client(t, `ws://127.0.0.1:${port}/chat/000/${randomUUID()}/websocket?room=${randomUUID()}`).opened();
  for (const message of [...messages, '["end"]']) client.send(message);
  const heard = [];
  for (;;) {
    const text = await client.take().catch(() => null);
    if (text === null) {
      const { code, reason } = await client.closed;
      return [...heard, code, reason];
    }
    if (text === 'a["end"]') {
      client.socket.terminate();
      return heard;
    }
    heard.push(text);
  }
});
