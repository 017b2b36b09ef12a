// What the tests of SockJS's official client share: the texts that it sends, and what a page of a browser does with it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sourceDir } from './support.mjs';

// The client for browsers.
export const script = readFileSync(path.join(sourceDir, 'tests/js/node_modules/sockjs-client/dist/sockjs.min.js'));

// Characters that browsers and proxies are known to change, and others that are often handled wrongly.
export const texts = ['hello', '한국어 💬', '"quotes" and \\', 'two\nlines\r\n', 'nul \u0000', '\u2028\u2029\ufeff\uffff\u200d', '%41 100%', '</script>', ' '];

export const nodeTransports = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];
export const browserTransports = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource', 'iframe-eventsource',
  'iframe-htmlfile', 'iframe-xhr-polling', 'jsonp-polling'];

// In the page: sends the texts, and resolves with what has come back, or with the code of the close.
export function talk([url, transport, said]) {
  return new Promise((resolve) => {
    const socket = new window.SockJS(url, null, { transports: transport, timeout: 20_000 }); // On purpose: this is sockjs-client's own.
    const heard = [];
    let used;
    socket.onopen = () => {
      used = socket.transport;
      said.forEach((text) => socket.send(text));
    };
    socket.onmessage = ({ data }) => {
      heard.push(data);
      if (heard.length < said.length) return;
      socket.onclose = null;
      socket.close();
      resolve({ transport: used, heard });
    };
    socket.onclose = ({ code, reason }) => resolve({ code, reason, heard });
  });
}
