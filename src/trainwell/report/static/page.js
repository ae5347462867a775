"use strict";
// Copy buttons: what the element named by `data-copy` holds goes to the clipboard. Works from a file, too.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const range = document.createRange();
  range.selectNodeContents(source);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  let done = false;
  try {
    await navigator.clipboard.writeText(source.textContent);
    done = true;
  } catch {
    done = document.execCommand("copy");
  }
  button.textContent = done ? "Copied" : "Selected: copy it with Ctrl-C";
  setTimeout(() => { button.textContent = "Copy"; }, 3000);
});
// The section that is read is marked in the contents.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const link = document.querySelector(`nav.contents a[href="#${CSS.escape(entry.target.id)}"]`);
    if (link) entry.isIntersecting ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  }
}, { rootMargin: "-15% 0px -70% 0px" });
const watchSections = () => document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
watchSections();
new MutationObserver(watchSections).observe(document.body, { childList: true, subtree: true });
