/** Banners that stay until somebody has read them, and the one line of a running optimisation. */

import { element } from "./elements.js";

/** @typedef {import("./line.js").Frame} Frame */

export class Notices {
  /** @type {Map<string, {banner: HTMLElement, id?: number}>} */
  #shown = new Map();
  /** @type {Map<string, boolean>} what was read, and whether its sender waits to hear of it */
  #read = new Map();
  #stack;
  #progress;
  #acknowledge;

  /**
   * @param {HTMLElement} stack
   * @param {HTMLElement} progress
   * @param {(id: number) => void} acknowledge
   */
  constructor(stack, progress, acknowledge) {
    this.#stack = stack;
    this.#progress = progress;
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
    this.#show({ id, key, kind: severity ?? "info", title, text, mustAcknowledge });
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

  /** @param {Frame} frame */
  progress({ data }) {
    const score = data.best_score == null ? "" : `, best score ${data.best_score}`;
    const percent = Math.round(data.progress_percentage ?? 0);
    this.#progress.hidden = false;
    this.#progress.dataset.status = data.status;
    this.#progress.textContent = `Optimisation ${data.optimization_id}: ${percent} %, ${data.status}${score}`;
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

  #show({ id, key, kind, title, text, mustAcknowledge }) {
    const banner = element("section", `banner ${kind}`);
    banner.setAttribute("role", kind === "info" ? "status" : "alert");
    const button = element("button", "", mustAcknowledge ? "Acknowledge" : "Dismiss");
    button.type = "button";
    button.addEventListener("click", () => this.#close(key, mustAcknowledge));
    banner.append(element("b", "", title), element("span", "", text), button);
    this.#shown.set(key, { banner, id });
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
