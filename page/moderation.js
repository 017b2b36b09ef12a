// What moderators do with a person or a room: the menus, the questions before, and the answers of the server. It shows what the
// role of the client allows; the server decides. docs/moderation.md.
import { ask } from './ask.js';
import { revealed, shown } from './names.js';
import { durationText, errorText, t } from './strings.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const mutes = [10 * minute, hour, day];
const bans = [hour, day, 30 * day];
const pauses = [5 * second, 30 * second, minute, 10 * minute];

// What is told of an action, of this client or of another one.
export function told({ action, name, user, duration_ms: durationMs, value, reason }) {
  const who = shown(name ?? user) || t('someone');
  const lifts = ['ban', 'mute'].includes(action) && durationMs === 0;
  const off = ['slow_mode', 'members_only', 'read_only'].includes(action) && !value;
  const say = t('moderated')[`${action}${lifts || off ? '_off' : ''}`];
  if (!say) return null;
  const text = say(who, action === 'role' ? t('roles')[value] ?? value : durationText(action === 'slow_mode' ? value : durationMs));
  return reason ? `${text} (${revealed(reason)})` : text;
}

export class Moderator {
  // notify(text, { done }) shows an answer.
  constructor(client, notify) {
    this.client = client;
    this.notify = notify;
  }

  may(room) { return room !== null && ['moderator', 'owner'].includes(this.client.role(room)); }

  // person: { name, user } or { name, client }. A name is for people; it targets nobody.
  forPerson(room, { name, user, client }) {
    const target = user === undefined ? { client } : { user };
    const item = (text, action, options = {}, question = null) => (
      { text, act: () => this.#act(room, action, { ...target, ...options }, name, question) });
    const banned = (durationMs) => item(t('ban', durationText(durationMs)), 'ban', { durationMs },
      { title: t('banTitle', name), text: t('banText', durationText(durationMs)), yes: t('banYes') });
    const role = (value) => item(t('makeRole')[value], 'role', { value });
    return {
      label: t('moderate', name),
      groups: [
        [...mutes.map((durationMs) => item(t('mute', durationText(durationMs)), 'mute', { durationMs })), item(t('unmute'), 'mute', { durationMs: 0 })],
        [item(t('kick'), 'kick'), ...bans.map(banned)],
        [item(t('clear'), 'clear', {}, { title: t('clearTitle', name), text: t('clearText'), yes: t('clearYes') })],
        this.client.role(room) === 'owner' && !this.#isGuest(target) ? [role('moderator'), role('member')] : [],
      ],
    };
  }

  forRoom(room) {
    const item = (text, action, value) => ({ text, act: () => this.#act(room, action, { value }) });
    const close = { title: t('closeTitle', room), text: t('closeText'), yes: t('closeYes') };
    return {
      label: t('roomMenu'),
      groups: [
        [...pauses.map((pause) => item(t('slowMode', durationText(pause)), 'slow_mode', pause)), item(t('slowModeOff'), 'slow_mode', 0)],
        [item(t('readOnly'), 'read_only', true), item(t('readOnlyOff'), 'read_only', false)],
        [item(t('membersOnly'), 'members_only', true), item(t('membersOnlyOff'), 'members_only', false)],
        this.client.role(room) === 'owner' ? [{ text: t('close'), act: () => this.#act(room, 'close', {}, null, close) }] : [],
      ],
    };
  }

  // With presence, a person of the list without a user id is a guest, who cannot have a role.
  #isGuest({ client }) {
    const people = this.client.present(this.client.room)?.people;
    return client !== undefined && people?.some(({ id }) => id === client) === true;
  }

  async #act(room, action, options, name, question = null) {
    let reason = '';
    if (question) {
      reason = await ask({ ...question, withReason: true });
      if (reason === null) return;
    }
    try {
      await this.client.moderate(action, { room, ...options, reason: reason || undefined });
      const { durationMs, ...rest } = options;
      this.notify(told({ action, name, duration_ms: durationMs, ...rest, reason }), { done: true });
    } catch (error) {
      // A server that does not know the action yet.
      this.notify(error.code === 'invalid_argument' && action === 'clear' ? t('unknownHere') : errorText(error));
    }
  }
}
