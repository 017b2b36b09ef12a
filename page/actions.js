// What one can do with a message: the menu, and what its entries do. The server decides what is allowed; what it refuses is shown.
import { ask } from './ask.js';
import { openMenu } from './menu.js';
import { errorText, t } from './strings.js';

const reactions = ['👍', '❤️', '😂', '😮', '😢', '🎉'];

// Pages without HTTPS have no navigator.clipboard.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export class Actions {
  #reports = true;

  // notify(text, { done }) shows an answer; about and moderator as in page.js.
  constructor(client, { notify, about, moderator }) {
    Object.assign(this, { client, notify, about, moderator });
  }

  // The numbers of a message from before the room began anew mean other messages and other people now.
  #isOld(room, { epoch }) {
    const now = this.client.positions.find((position) => position.room === room)?.epoch;
    return epoch !== undefined && now !== undefined && epoch !== now;
  }

  open(log, entry, button) {
    const { room } = log;
    const isOld = this.#isOld(room, entry);
    const { own, text, deleted, seq, client, name } = entry;
    const item = (label, act) => ({ text: label, act });
    const changes = seq !== undefined && !deleted && !isOld;
    const moderates = this.moderator.may(room);
    const quick = reactions.map((reaction) => ({ text: reaction, label: t('reactWith', reaction), act: () => this.react(log, entry, reaction) }));
    quick.inRow = true;
    const person = !own && !isOld && client !== undefined && moderates ? this.moderator.forPerson(room, { name, client }) : null;
    const groups = [
      changes ? quick : [],
      [
        ...(changes ? [item(t('reply'), () => this.about.reply(room, entry))] : []),
        ...(text === null ? [] : [item(t('copy'), () => this.#copy(text))]),
        ...(changes && own && text !== null ? [item(t('edit'), () => this.about.edit(room, entry))] : []),
        ...(changes && (own || moderates) ? [item(t('delete'), () => this.#delete(room, entry))] : []),
        ...(changes && !own && this.#reports ? [item(t('report'), () => this.#report(room, entry))] : []),
      ],
      person ? [item(t('moderateThis', name), () => openMenu(button, person.label, person.groups))] : [],
    ];
    if (groups.every((group) => group.length === 0)) groups[0] = [item(t('nothing'), () => {})];
    openMenu(button, t('actionsOf', entry.name, entry.excerpt), groups);
  }

  // Gives a reaction, or takes one's own back.
  async react(log, entry, reaction) {
    const { room } = log;
    if (this.#isOld(room, entry)) {
      this.notify(errorText({ code: 'no_such_message' }));
      return;
    }
    const remove = entry.mine.has(reaction);
    try {
      const { seq } = await this.client.react(entry.seq, reaction, { room, remove: remove || undefined });
      if (seq !== undefined) return;
      // Nothing has changed: it was given, or taken back, without this page knowing of it.
      entry.mine[remove ? 'delete' : 'add'](reaction);
      await this.client.react(entry.seq, reaction, { room, remove: remove ? undefined : true });
    } catch (error) {
      this.notify(errorText(error));
    }
  }

  async #copy(text) {
    const done = await copy(text);
    this.notify(t(done ? 'copied' : 'notCopied'), { done });
  }

  async #delete(room, { seq, name, excerpt }) {
    if (await ask({ title: t('deleteTitle'), text: t('excerpt', name, excerpt), yes: t('delete') }) === null) return;
    await this.client.delete(seq, { room }).catch((error) => this.notify(errorText(error)));
  }

  async #report(room, { seq, name, excerpt }) {
    const reason = await ask({ title: t('reportTitle'), text: t('excerpt', name, excerpt), yes: t('report'), withReason: true });
    if (reason === null) return;
    try {
      await this.client.report(seq, reason || undefined, { room });
      this.notify(t('reported'), { done: true });
    } catch (error) {
      // A server without reports. They are not offered again.
      if (['unknown_type', 'unsupported'].includes(error.code)) this.#reports = false;
      this.notify(this.#reports ? errorText(error) : t('unknownHere'));
    }
  }
}
