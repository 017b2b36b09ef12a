// The STOMP client of Spring against libchat: it connects, subscribes several times, sends text and JSON, acknowledges, waits for receipts,
// hears the application's answer in its queue and a refusal on its error queue, and gets ERROR for a wrong destination.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { startTestd, test } from '../js/support.mjs';
import { missing, run } from './support.mjs';

const clients = {
  'WebSocketStompClient of Spring': { language: 'java', program: 'Stomp' },
};

const chosen = process.env.CHAT_TEST_CLIENTS?.split(',');

const expected = [
  ['connected'],
  ['subscribed /topic/a'],
  ['subscribed /topic/a'],
  ['subscribed /user/queue/greetings'],
  ['subscribed /user/queue/errors'],
  ['heard', 'héllo 안녕 😀\0', 'blue:\n', '/topic/a', '1'],
  ['again', 'héllo 안녕 😀\0'],
  ['sent'],
  ['json', '{"x":[1,2]}', 'application/json'],
  ['greeted', '"hello Ann"'],
  ['refused', 'forbidden', 'too rude', 'never'],
  ['still', 'still here'],
  ['error', 'nothing can be subscribed to at this destination'],
  ['lost'],
  ['disconnected', false],
];

describe('STOMP', () => {
  for (const [name, client] of Object.entries(clients)) {
    if (chosen && !chosen.some((part) => name.includes(part))) continue;
    test(`${name}, stomp: libchat`, { skip: missing(client.language) }, async (t) => {
      const server = await startTestd(t);
      const { transcript, status, errors } = await run(t, client, [server.url('/stomp')]);
      assert.deepEqual(transcript, expected, errors);
      assert.equal(status, 0, errors);
      const { user_name: login, password } = await server.event('connect');
      assert.deepEqual([login, password], ['ann', 'secret']);
      await server.event('disconnect', (event) => event.close_code === 1000);
    });
  }
});
