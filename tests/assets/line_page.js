/** A page's side of `test_line.py`: the demo's line on a socket that a test speaks through. */

class Socket {
  static OPEN = 1;
  static opened = [];
  readyState = 1;
  sent = [];

  constructor(url) {
    this.url = String(url);
    Socket.opened.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  hear(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

const { Line } = await import("/static/scheduling/line.js");

window.WebSocket = Socket;
window.told = { frames: [], again: [], states: [] };
window.sockets = Socket.opened;
window.line = new Line(
  { access: "token" },
  {
    frame: (frame) => told.frames.push(frame),
    again: (frame) => told.again.push(frame),
    state: (state) => told.states.push([state, performance.now()]),
    loginRequired: () => told.states.push(["login", performance.now()]),
    whereabouts: () => ({}),
  },
);
window.line.open();
