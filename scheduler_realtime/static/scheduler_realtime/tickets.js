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
  const door = async (reason) => {
    const bearer = typeof token === "function" ? await token({ reason }) : token;
    const credential = bearer || { headers: { "X-CSRFToken": typeof csrf === "function" ? csrf() : csrf } };
    const headers = headersOf(credential);
    // A host sends whoever is not logged in to another page.
    return [await ask(url, { method: "POST", headers, redirect: "manual" }), headers];
  };
  return async ({ reason } = {}) => {
    let [response, headers] = await door(reason);
    const isRenewable = typeof token === "function" && response.status === 401;
    if (isRenewable) [response, headers] = await door("rejected");
    const { status, type, ok } = response;
    if (status === 403) throw new Refused("not permitted");
    if (status === 401 || type === "opaqueredirect") throw new Refused("logged out");
    if (!ok) throw new Error(status);
    return { ...(await response.json()), headers };
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
    const timer = clock.setTimeout(() => reject(new Error("timeout")), limit);
    promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

function cookie() {
  return globalThis.document?.cookie.match(/csrftoken=([^;]*)/)?.[1];
}
