/** The form of a notification: hides what is not needed yet. Without it everything is there. */

const form = document.getElementById("notification");

/** Roles and people matter only where it is not for everyone. */
function showAudience() {
  const chosen = form.querySelector("[name=audience]:checked");
  document.getElementById("some").hidden = chosen?.value === "everyone";
}

form.addEventListener("change", showAudience);
showAudience();

const links = [...form.querySelectorAll(".realtime-link")];
const another = document.getElementById("another");

/** @param {Element} link */
function isBlank(link) {
  return [...link.querySelectorAll("input")].every((input) => !input.value);
}

function showLinks() {
  another.hidden = links.every((link) => !link.hidden);
}

links.forEach((link, at) => (link.hidden = at > 0 && isBlank(link) && !link.querySelector(".errorlist")));
another.addEventListener("click", () => {
  const next = links.find((link) => link.hidden);
  next.hidden = false;
  next.querySelector("input").focus();
  showLinks();
});
showLinks();
