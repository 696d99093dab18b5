/** `<realtime-status>`: the state of a client in words, in a way nobody overlooks. */

const STYLE = `
:host { color-scheme: light dark; font: 600 .9em system-ui }
p { margin: 0; padding: .3em .8em; border-radius: 1em; background: light-dark(#e3f4e6, #123b1c) }
.catching-up, .closed { background: light-dark(#eceff3, #2b3138) }
.stale, .refused { background: light-dark(#b00020, #ffb4ab); color: light-dark(#fff, #4b0008) }
`;

const WORDS = {
  live: "● Live",
  "catching-up": "… Catching up",
  stale: "▲ Stale since {time}",
  refused: "▲ Refused: {why}",
  closed: "○ Closed",
};

// Where there is no page, as in a test or on a server, nothing can be shown, and importing this is no error.
const Element = globalThis.HTMLElement ?? class {};

export class RealtimeStatus extends Element {
  #line;
  #end;
  #client;

  connectedCallback() {
    if (!this.#line) {
      const root = this.attachShadow({ mode: "open" });
      // A sheet of its own passes a policy of `style-src 'self'`, which forbids style attributes.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      this.#line = document.createElement("p");
      this.#line.setAttribute("role", "status");
      root.append(this.#line);
    }
    this.client = this.#client;
  }

  disconnectedCallback() {
    this.#end?.();
  }

  get client() {
    return this.#client;
  }

  /** The client whose state it shows. */
  set client(client) {
    this.#end?.();
    this.#client = client;
    this.#end = client?.on("state", () => this.#show());
    this.#show();
  }

  /** Words may be replaced by attributes: `live`, `catching-up`, `stale`, `refused`, `closed`. */
  #show() {
    if (!this.#line) return;
    const { state = "closed", staleSince, refusal } = this.#client ?? {};
    const words = this.getAttribute(state) ?? WORDS[state];
    this.#line.className = this.dataset.state = state;
    this.#line.textContent = words
      .replace("{time}", staleSince ? clock(staleSince) : "")
      .replace("{why}", refusal ?? "");
  }
}

/** The time, and the day where it is another one. */
function clock(moment) {
  const isToday = moment.toDateString() === new Date().toDateString();
  return moment.toLocaleString([], { timeStyle: "short", dateStyle: isToday ? undefined : "short" });
}

globalThis.customElements?.define("realtime-status", RealtimeStatus);
