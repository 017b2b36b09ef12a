// Every call of the client as an ES module, and what must not compile.
import chat, { Client, ChatError, connect, type Message, type Status } from '../../../bindings/js/chat.mjs';

const client: Client = connect({ url: 'ws://127.0.0.1/', room: 'dev', rooms: ['a', { room: 'b', epoch: 'e', seq: 1 }], token: async () => 'x' });
const off: () => void = client.on('message', (message: Message) => message.from.name?.length);
client.on('status', (status: Status) => {
  if (status.state === 'waiting') status.delayMs.toFixed();
  // @ts-expect-error: only of those that wait
  status.delayMs;
});
client.on('gap', ({ cause, from }) => cause === 'slow' && from?.toFixed());
client.on('error', (error) => error instanceof ChatError && error.code.length);
// @ts-expect-error: no such event
client.on('nothing', () => {});
off();

const ack = await client.send('hi', { room: 'dev', ephemeral: true });
ack.seq?.toFixed();
await client.send({ event: 'file', args: ['a', { deep: [new Uint8Array(2), new ArrayBuffer(1)] }], attributes: { k: 'v' } });
// @ts-expect-error: text or args
await client.send({ event: 'nothing' });
// @ts-expect-error: no function is JSON
await client.send({ args: [() => {}] });
(await client.join('dev', { epoch: 'e', seq: 1 })).complete.valueOf();
(await client.sendFile(new Blob(['x']), { name: 'x', room: 'dev', onProgress: ({ sent, total }) => sent.toFixed() + total })).seq?.toFixed();
await client.sendFile(new ArrayBuffer(1));
// @ts-expect-error: neither bytes nor a Blob
await client.sendFile('text');
client.maxMessageBytes?.toFixed();
connect({ binary: false, replay: 50 }).on('message', ({ replayed }) => replayed === true);
await client.history({ around: 9, limit: 2 });
const found = await client.search('two words', { room: 'dev', before: 9, limit: 2 });
const below: number | undefined = found.complete ? undefined : found.before;
found.messages.forEach((message) => message.seq === below);
(await client.history({ after: 1, before: 9, limit: 2 })).messages[0]?.own.valueOf();
(await client.members())[0]?.name.length;
(await client.rooms())[0]?.history.toFixed();
(await client.rename('Ann')).length;
(await client.ping()).toFixed();
(await client.edit(1, 'new', { room: 'dev' })).seq?.toFixed();
await client.delete(1);
await client.react(1, '+1', { remove: true });
await client.send('yes', { replyTo: 1 });
await client.seen(1, { room: 'dev' });
await client.seen();
(client.seenIn('dev') + client.unread()).toFixed();
client.on('seen', ({ room, seq }) => room.length + seq);
client.on('change', ({ type, target, count }) => (type === 'react' ? count?.toFixed() : target.toFixed()));
client.on('change', ({ own }) => own.valueOf());
await client.report(1, 'spam', { room: 'dev' });
await client.moderate('mute', { user: 'bob', durationMs: 60_000, reason: 'spam' });
await client.moderate('role', { client: '7', value: 'moderator', room: 'dev' });
// @ts-expect-error: no such option
await client.moderate('mute', { duration: 1 });
client.on('moderation', ({ action, by }) => action.length + (by?.length ?? 0));
client.on('error', ({ retryAfterMs }) => retryAfterMs?.toFixed());
client.user?.length;
if (client.role('dev') === 'owner') client.slowModeMs().toFixed();
await client.leave('dev');
client.reconnect({ token: 'new' });
// @ts-expect-error: read only
client.id = '1';
await client.close(1000, 'bye');
chat.backoffMs(1, { reconnectMinMs: 1, reconnectMaxMs: 2 }, () => 0).toFixed();
chat.fromBase64(chat.toBase64(new Uint8Array(1))).length;
