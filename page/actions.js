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

  open(log, entry, button) {
    const { room } = log;
    const { own, text, deleted, seq, client, name } = entry;
    const item = (label, act) => ({ text: label, act });
    const changes = seq !== undefined && !deleted;
    const moderates = this.moderator.may(room);
    const quick = reactions.map((reaction) => ({ text: reaction, label: t('reactWith', reaction), act: () => this.react(log, entry, reaction) }));
    quick.inRow = true;
    const person = !own && client !== undefined && moderates ? this.moderator.forPerson(room, { name, client }) : null;
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
    const remove = entry.mine.has(reaction);
    try {
      const { seq } = await this.client.react(entry.seq, reaction, { room, remove: remove || undefined });
      // Without a number nothing has changed: it was given before this page knew of it.
      if (seq === undefined && !remove) await this.client.react(entry.seq, reaction, { room, remove: true });
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
