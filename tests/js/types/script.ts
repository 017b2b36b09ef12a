// As a classic script sees it: a global.
/// <reference path="../../../bindings/js/chat.d.ts" />
const client = chat.connect({ reconnect: ({ code }) => code !== 1008 });
chat.connect({ own: client.own, bufferBytes: 1e6 });
client.send('hi').then(({ epoch }) => epoch?.length);
