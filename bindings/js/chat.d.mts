// The types of chat.mjs.
import * as chat from './chat.js';

export * from './chat.js';
export default chat;
