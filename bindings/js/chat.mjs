// chat.js as an ES module. In Node and in bundlers chat.js is CommonJS and has a default export; in a browser it is a
// script, which has set the global.
import * as script from './chat.js';

const chat = script.default ?? globalThis.chat;
export default chat;
export const { connect, Client, ChatError, backoffMs, toBase64, fromBase64, version } = chat;
