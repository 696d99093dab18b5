"""From the commit to the painted bar: a day of 200 surgeries in Chromium, changed 50 times a second."""

import json
from typing import Any

from selenium.webdriver import Chrome

from benchmarks.site import console, load, summary, together
from tests.harness import browser as browsers
from tests.harness.site import Site
from tests.test_board import open_board, wait

SURGERIES, ROOMS = 200, 20
PACES = (5, 50)
"""Changes a second."""
SECONDS = 20

FILL = """
from project.scheduling import day
Surgery.objects.all().delete()
who = User.objects.get(username="surgeon")
opens, _ = day.opening_hours(timezone.localdate())
rooms = [OperatingRoom.objects.get_or_create(name=f"Hall {{n:02}}")[0] for n in range({rooms})]
OperatingRoom.objects.exclude(pk__in=[room.pk for room in rooms]).delete()
each = {surgeries} // {rooms}
Surgery.objects.bulk_create([
    Surgery(
        room=room, surgeon=who, patient_name="Somebody", surgery_type="To be changed",
        start_time=opens + timedelta(minutes=60 * n), end_time=opens + timedelta(minutes=60 * n + 45),
    )
    for room in rooms for n in range(each)
])
"""

# What is changed in an animation frame is on the screen when the next task runs: the rendering
# lies between the two.
WATCH = """
const seen = window.painted = new Map();
const drawn = [];
const after = new MessageChannel();
after.port1.onmessage = () => {
  const now = (performance.timeOrigin + performance.now()) / 1000;
  for (const words of drawn.splice(0)) if (!seen.has(words)) seen.set(words, now);
};
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const words = target.closest?.(".bar")?.querySelector("b")?.textContent;
    if (words?.startsWith("benchmark ")) drawn.push(words);
  }
  if (drawn.length) after.port2.postMessage(null);
}).observe(document.querySelector(".lanes"), { childList: true, subtree: true });
window.frames_ = [];
let last = performance.now();
(function frame(now) {
  window.frames_.push(now - last);
  last = now;
  requestAnimationFrame(frame);
})(last);
"""

PAINTED = "return [...window.painted]"
FRAMES = "return window.frames_.splice(0)"


def run() -> None:
    """Print how long it took at each pace, and how even the frames were."""
    with together(1) as site, browsers.opened() as browser:
        site.shell(FILL.format(surgeries=SURGERIES, rooms=ROOMS))
        open_board(browser, site, "scheduler")
        wait(browser, lambda page: _bars(page) == SURGERIES)
        browser.execute_script(WATCH)
        for pace in PACES:
            _measure(site, browser, pace)


def _bars(browser: Chrome) -> int:
    return int(browser.execute_script("return document.querySelectorAll('.bar').length"))


def _measure(site: Site, browser: Chrome, pace: int) -> None:
    browser.execute_script(FRAMES)
    code = f"from benchmarks.writers import change; print(change({pace}, {SECONDS}))"
    with console(site) as shell:
        committed: dict[str, float] = json.loads(shell.run(code))
    wait(browser, lambda page: set(committed) <= set(_painted(page)))
    painted, frames = _painted(browser), browser.execute_script(FRAMES)
    took = [painted[words] - at for words, at in committed.items()]
    rate = len(committed) / (max(committed.values()) - min(committed.values()))
    print(f"board    commit to painted bar, {rate:4.1f} changes a second  {summary(took)}", load())
    late = sum(frame > 50 for frame in frames)
    print(
        f"board    {len(took)} of {len(committed)} painted; {late} of {len(frames)} frames over 50 ms,"
        f" the longest {max(frames):.0f} ms"
    )


def _painted(browser: Chrome) -> dict[str, Any]:
    return dict(browser.execute_script(PAINTED))
