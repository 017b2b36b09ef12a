// bindings/js in a browser: as a script and as a module, with the browser's own WebSocket, and what the browser notices.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Proxy, clientFolder } from './chat_js_support.mjs';
import { newContext, skip } from './page_support.mjs';
import { connect, startChatd, temporaryFolder, test as plainTest } from './support.mjs';

const test = (name, body) => plainTest(name, { skip }, body);

const pages = {
  'script.html': '<script src="chat.js"></script><script>window.client = chat.connect();</script>',
  'module.html': '<script type="module">import { connect } from "./chat.mjs"; window.client = connect({ url: new URL("chat.v1", location) });</script>',
  // Once lost it would come back by itself after days only.
  'patient.html': '<script src="chat.js"></script><script>window.client = chat.connect({ reconnectMinMs: 1, random: () => 1e8 });</script>',
};

async function startPages(t) {
  const www = path.join(temporaryFolder(t), 'www');
  mkdirSync(www);
  for (const name of ['chat.js', 'chat.mjs']) cpSync(path.join(clientFolder, name), path.join(www, name));
  for (const [name, html] of Object.entries(pages)) writeFileSync(path.join(www, name), `<!doctype html><meta charset="utf-8">${html}`);
  return startChatd(t, ['--www', www]);
}

for (const name of ['script.html', 'module.html']) {
  test(`${name}: text and bytes both ways`, async (t) => {
    const chatd = await startPages(t);
    const terminal = await connect(t, chatd.url());
    const tab = await (await newContext(t)).newPage();
    await tab.goto(chatd.http(`/${name}`));
    // With its own copy, which comes after the ack: the next message is the terminal's.
    const ack = await tab.evaluate(async () => {
      const own = new Promise((resolve) => window.client.once('message', resolve));
      const told = await window.client.send('안녕');
      await own;
      return told;
    });
    assert.equal(ack.seq, 1);
    assert.equal(await terminal.take(), '안녕');
    const heard = tab.evaluate(() => new Promise((resolve) => {
      window.client.once('message', ({ args, attachments }) => resolve([args[0] === attachments[0], args[0] instanceof Uint8Array, [...args[0]]]));
    }));
    await tab.evaluate(() => window.client.ping());
    terminal.send(Buffer.from([0, 255, 7]));
    assert.deepEqual(await heard, [true, true, [0, 255, 7]]);
    await tab.evaluate(() => window.client.send({ args: [new Uint8Array(30_000).fill(9)] }));
    assert.deepEqual(await terminal.take((data) => data.length === 30_000), Buffer.alloc(30_000, 9));
  });
}

test('it comes back at once when the browser is online, or looked at again', async (t) => {
  const chatd = await startPages(t);
  const proxy = await Proxy.start(t, chatd);
  const tab = await (await newContext(t)).newPage();
  await tab.goto(proxy.http('/patient.html'));
  for (const [target, type] of [['window', 'online'], ['document', 'visibilitychange']]) {
    await tab.waitForFunction('client.state === "open"');
    await proxy.refuse();
    await tab.waitForFunction('client.state === "waiting"');
    await proxy.accept();
    await tab.evaluate(`${target}.dispatchEvent(new Event('${type}'))`);
  }
  await tab.waitForFunction('client.state === "open"');
  // Closed is closed.
  await tab.evaluate('client.close()');
  await tab.evaluate('dispatchEvent(new Event("online"))');
  assert.equal(await tab.evaluate('client.state'), 'closed');
});
