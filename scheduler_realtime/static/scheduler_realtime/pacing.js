/** When to try again, by the code a socket was closed with. */

const FIRST = 500;
const CAP = 30_000;
const STEADY = 10_000; // a line that lived so long was not refused: start over with short delays

/** Nobody may try again. */
const TERMINAL = { 4403: "not permitted", 4409: "disconnected by an administrator" };

/** The server is short of something, or will not have our frames: no short delay at once. */
const BACK_OFF = [4400, 4412, 4413, 4429, 4513];

/** @param {number} code why nobody may try again, or undefined */
export const refusal = (code) => TERMINAL[code];

export class Pacing {
  attempts = 0;
  #random;

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  /**
   * Milliseconds until the next try: anything up to twice as much as before, 30 s at the most.
   * @param {number} code @param {number} lived milliseconds
   */
  after(code, lived) {
    const isHarsh = BACK_OFF.includes(code);
    if (lived > STEADY && !isHarsh) this.attempts = 0;
    this.attempts = Math.max(this.attempts + 1, isHarsh ? 3 : 1);
    return this.#random() * Math.min(CAP, FIRST * 2 ** (this.attempts - 1));
  }
}
