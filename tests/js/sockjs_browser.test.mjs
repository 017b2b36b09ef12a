// The official client in chromium, in a page of another origin: each transport that it can be told to use there.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { skip, startBrowser } from './browser_support.mjs';
import { browserTransports, script, talk, texts } from './sockjs_support.mjs';
import { atEnd, startChatd, test } from './support.mjs';

// An empty page with the client, at an origin of its own.
async function startSite(t) {
  const server = http.createServer((request, response) => {
    const wanted = request.url === '/sockjs.js';
    response.setHeader('Content-Type', wanted ? 'text/javascript' : 'text/html');
    response.end(wanted ? script : '<!DOCTYPE html><title>a page</title><script src="/sockjs.js"></script><body></body>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return `http://127.0.0.1:${server.address().port}`;
}

const allowing = (site) => ['--threads', '2', '--sockjs', 'all', '--origin', site, '--sockjs-script', `${site}/sockjs.js`];

for (const transport of browserTransports) {
  test(`chromium: ${transport}`, { skip }, async (t) => {
    const site = await startSite(t);
    const chatd = await startChatd(t, allowing(site));
    const page = await (await startBrowser(t)).newPage();
    await page.goto(site);
    const said = await page.evaluate(talk, [chatd.http('/chat?room=one'), transport, texts]);
    assert.deepEqual(said, { transport, heard: texts });
  });
}

test('chromium: a page of an origin that is not allowed has no way in', { skip }, async (t) => {
  const site = await startSite(t);
  const chatd = await startChatd(t, allowing('https://allowed.example'));
  const page = await (await startBrowser(t)).newPage();
  await page.goto(site);
  const refused = await page.evaluate(talk, [chatd.http('/chat'), [], texts]);
  assert.deepEqual([refused.code, refused.heard], [1002, []]);
  await page.evaluate((url) => new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.onload = resolve;
    frame.src = url;
    document.body.append(frame);
  }), chatd.http('/chat/iframe.html'));
  assert.match(page.frames()[1].url(), /^chrome-error:/);
});

test('chromium: scripts of another site cannot use jsonp', { skip }, async (t) => {
  const site = (await startSite(t)).replace('127.0.0.1', 'localhost');
  const chatd = await startChatd(t, allowing(site));
  const page = await (await startBrowser(t, { args: ['--headless', '--no-sandbox', '--host-resolver-rules=MAP localhost 127.0.0.1'] })).newPage();
  await page.goto(site);
  const refused = await page.evaluate(talk, [chatd.http('/chat'), 'jsonp-polling', texts]);
  assert.deepEqual(refused.heard, []);
  const allowed = await page.evaluate(talk, [chatd.http('/chat'), 'xhr-streaming', texts]);
  assert.deepEqual(allowed.heard, texts);
});
