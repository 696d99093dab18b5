/** Banners that stay until somebody has read them, and say who else has. */

import { element } from "./elements.js";

/** @typedef {import("./line.js").Frame} Frame */

export class Notices {
  /** @type {Map<string, {banner: HTMLElement, id?: number, seen: HTMLElement, names: Set<string>}>} */
  #shown = new Map();
  /** @type {Map<string, boolean>} what was read, and whether its sender waits to hear of it */
  #read = new Map();
  #stack;
  #acknowledge;

  /**
   * @param {HTMLElement} stack
   * @param {(id: number) => void} acknowledge
   */
  constructor(stack, acknowledge) {
    this.#stack = stack;
    this.#acknowledge = acknowledge;
  }

  /** @param {Frame} frame */
  emergency({ id, key, data }) {
    const what = [data.surgery_type, data.patient_name].filter(Boolean).join(", ");
    const title = `${data.priority ?? "urgent"}: ${data.emergency_type ?? "emergency"}`;
    const text = what ? `${data.description} (${what})` : data.description;
    this.#show({ id, key, kind: "emergency", title, text, mustAcknowledge: true });
  }

  /** @param {Frame} frame */
  notification({ id, key, data }) {
    const { title, message: text, severity, ack_required: mustAcknowledge } = data;
    const links = data.action_items ?? [];
    this.#show({ id, key, kind: severity ?? "info", title, text, links, mustAcknowledge });
  }

  /**
   * The user has acknowledged a message, here or on another device.
   * @param {number} id
   */
  acknowledged(id) {
    for (const [key, shown] of this.#shown) {
      if (shown.id === id) this.#remove(key, false);
    }
  }

  /**
   * A message that was shown before has come with its position, or unasked.
   * @param {Frame} frame
   */
  again({ id, key }) {
    const known = this.#shown.get(key);
    if (known) known.id ??= id;
    else if (id && this.#read.get(key)) this.#acknowledge(id);
  }

  /**
   * Somebody else has acknowledged a message; only those hear of it who may.
   * @param {number} id
   * @param {string} name
   */
  acknowledgedBy(id, name) {
    for (const shown of this.#shown.values()) {
      if (shown.id !== id) continue;
      shown.names.add(name);
      shown.seen.textContent = `Acknowledged by ${[...shown.names].join(", ")}`;
    }
  }

  #show({ id, key, kind, title, text, links = [], mustAcknowledge }) {
    const banner = element("section", `banner ${kind}`);
    banner.setAttribute("role", kind === "info" ? "status" : "alert");
    const button = element("button", "", mustAcknowledge ? "Acknowledge" : "Dismiss");
    button.type = "button";
    button.addEventListener("click", () => this.#close(key, mustAcknowledge));
    const seen = element("small", "seen");
    banner.append(element("b", "", title), element("span", "", text), ...links.map(link), seen, button);
    this.#shown.set(key, { banner, id, seen, names: new Set() });
    this.#stack.prepend(banner);
  }

  #close(key, mustAcknowledge) {
    const { id } = this.#shown.get(key);
    this.#remove(key, mustAcknowledge);
    if (mustAcknowledge && id) this.#acknowledge(id);
  }

  #remove(key, mustAcknowledge) {
    this.#shown.get(key).banner.remove();
    this.#shown.delete(key);
    this.#read.set(key, Boolean(mustAcknowledge));
  }
}

/** @param {{label: string, url: string}} item relative, http or https: the server refuses others */
function link({ label, url }) {
  const node = /** @type {HTMLAnchorElement} */ (element("a", "action", label));
  node.href = url;
  return node;
}
