/** What a connection is opened with: a token, or a ticket asked for with a token or a session. */

/** Thrown by a `getToken` where asking again is of no use: nobody is logged in any more. */
export class Refused extends Error {
  name = "Refused";
}

/**
 * A `getToken` that asks `POST ticket`, with the page's session unless there is a token.
 * @param {{url?: string, csrf?: string | (() => string), token?: string | (() => any),
 *          fetch?: typeof fetch}} options
 *        `url` of the ticket's door; `csrf` is read from the `csrftoken` cookie where it is not given
 */
export function ticketFrom({ url = "/api/ws/ticket", csrf = cookie, token, fetch: ask = globalThis.fetch } = {}) {
  return async (why) => {
    const door = async (reason) => {
      const bearer = typeof token === "function" ? await token({ reason }) : token;
      const forgery = typeof csrf === "function" ? csrf() : csrf;
      const headers = bearer ? { Authorization: `Bearer ${bearer}` } : { "X-CSRFToken": forgery };
      // A host sends whoever is not logged in to another page.
      return [await ask(url, { method: "POST", headers, redirect: "manual" }), headers];
    };
    let [response, headers] = await door(why?.reason);
    const isRenewable = typeof token === "function" && response.status === 401;
    if (isRenewable) [response, headers] = await door("rejected");
    const isRefused = response.type === "opaqueredirect" || [401, 403].includes(response.status);
    if (isRefused) throw new Refused(response.status === 403 ? "not permitted" : "logged out");
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return { ticket: (await response.json()).ticket, headers };
  };
}

/** The headers of a request with the same right. */
export function headersOf(credential) {
  if (typeof credential === "string") return { Authorization: `Bearer ${credential}` };
  return credential.headers ?? { "X-CSRFToken": cookie() };
}

/** Its outcome, or an error after so many milliseconds. */
export function within(clock, limit, promise) {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new Error("It took too long.")), limit);
    promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

function cookie() {
  return /(?:^|; )csrftoken=([^;]*)/.exec(globalThis.document?.cookie)?.[1] ?? "";
}
