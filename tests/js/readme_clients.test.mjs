// The lines that the READMEs show for a client of each kind, run as they stand there with the client that they are for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import * as StompJs from '@stomp/stompjs';
import { EventSource } from 'eventsource';
import { io } from 'socket.io-client';
import SockJS from 'sockjs-client';
import { WebSocket } from 'ws';
import { atEnd, Queue, sourceDir, startChatd, test } from './support.mjs';

const { connect } = createRequire(import.meta.url)('../../bindings/js/chat.js');

globalThis.WebSocket ??= WebSocket;  // for stompjs

// Each kind with what ends its client.
const kinds = [
  ['plain', 'close'],
  ['v1', 'close'],
  ['client', 'close'],
  ['sockjs', 'close'],
  ['socket', 'close'],
  ['stomp', 'deactivate'],
  ['events', 'close'],
];

for (const document of ['README.md', 'README.ko.md']) {
  const text = readFileSync(path.join(sourceDir, document), 'utf8');
  const [snippets, ...more] = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code.split('\n\n'));
  assert.deepEqual(more, []);
  assert.equal(snippets.length, kinds.length);

  snippets.forEach((snippet, index) => {
    const [name, end] = kinds[index];
    test(`${document}: ${name} hears itself`, async (t) => {
      const server = await startChatd(t);
      const code = snippet.replaceAll('localhost:3000', new URL(server.http('/')).host);
      const said = new Queue();
      const scope = {
        WebSocket,
        SockJS,
        io,
        StompJs,
        EventSource,
        fetch,
        chat: { connect: (options) => connect({ WebSocket, ...options }) },
        console: { log: (line) => said.push(String(line)) },
      };
      const client = new Function(...Object.keys(scope), `${code}\nreturn ${name};`)(...Object.values(scope));
      atEnd(t, () => client[end]());
      await said.take((line) => line === 'hello' || (name === 'v1' && JSON.parse(line).text === 'hello'));
    });
  });
}
