"use strict";
// The live page: the server says when the run has written something, and what has changed in the page is replaced.
// Where one reads, what is open and what has the focus stay.
(() => {
  const MARKS = { running: "live", finished: "finished", stopped: "stopped", unreadable: "cannot be read now: waiting" };
  const RETRY = 2000; // milliseconds
  const mark = document.createElement("p");
  mark.id = "live";
  mark.setAttribute("role", "status");
  document.body.append(mark);
  const style = document.createElement("style");
  style.textContent = `
    #live{position:fixed;right:.75rem;bottom:.75rem;z-index:8;margin:0;padding:.25rem .8rem;border:1px solid var(--edge);
      border-radius:1rem;background:var(--paper);color:var(--quiet);font-size:.875rem;box-shadow:0 2px 10px #0002}
    #live::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;margin-right:.45em;
      background:currentColor}
    #live[data-state=running]{color:var(--link)}#live[data-state=finished]{color:var(--yes)}
    #live[data-state=stopped]{color:var(--part)}#live[data-state=lost]{color:var(--no)}
    @media (prefers-reduced-motion:no-preference){#live[data-state=running]::before{animation:tw-live 2s infinite}}
    @keyframes tw-live{50%{opacity:.25}}
    @media print{#live{display:none}}`;
  document.head.append(style);
  let shown = null; // version of the page that is shown
  let wanted = null;
  let busy = false;

  function say(state, words) {
    if (mark.textContent !== words) mark.textContent = words;
    mark.dataset.state = state;
  }

  // What is the same in both documents stays as it is, with all that the reader has done to it.
  const blocks = (of) => [...of.querySelectorAll("header.top, nav.contents > ul, main > section")];
  const key = (block) => block.id || block.parentElement.className || block.className;
  let texts = new Map(blocks(document).map((block) => [key(block), block.outerHTML]));
  const summaries = (block) => [...block.querySelectorAll("details")];
  const stops = (block) => [...block.querySelectorAll("a, button, summary, [tabindex]")];

  function exchange(old, fresh) {
    const open = summaries(old).map((each) => each.open);
    summaries(fresh).forEach((each, place) => { if (place < open.length) each.open = open[place]; });
    const focus = stops(old).indexOf(document.activeElement);
    old.replaceWith(fresh);
    if (focus >= 0) stops(fresh)[focus]?.focus({ preventScroll: true });
  }

  function show(fresh) {
    const read = [...document.querySelectorAll("main > section")].find((s) => s.getBoundingClientRect().bottom > 0);
    const before = read?.getBoundingClientRect().top;
    const now = new Map();
    const there = new Map(blocks(document).map((block) => [key(block), block]));
    let last = null; // the section that the next one follows
    for (const block of blocks(fresh)) {
      const name = key(block);
      now.set(name, block.outerHTML);
      const old = there.get(name);
      there.delete(name);
      if (old && texts.get(name) === now.get(name)) {
        last = old.matches("section") ? old : last;
        continue;
      }
      const own = document.adoptNode(block);
      if (old) exchange(old, own);
      else if (last) last.after(own);
      else document.getElementById("main").prepend(own);
      if (own.matches("section")) last = own;
    }
    there.forEach((block) => block.remove());
    texts = now;
    document.title = fresh.title;
    const after = read && document.getElementById(read.id)?.getBoundingClientRect().top;
    if (before < 0 && after !== undefined) scrollBy({ top: after - before, behavior: "instant" });
  }

  async function update() {
    if (busy) return;
    busy = true;
    try {
      while (shown !== wanted) {
        const answer = await fetch("/", { cache: "no-store" });
        if (!answer.ok) throw new Error(String(answer.status));
        const version = answer.headers.get("X-Version");
        const text = await answer.text();
        show(new DOMParser().parseFromString(text, "text/html"));
        shown = version;
        if (Number(version) >= Number(wanted)) wanted = version;
      }
    } catch {
      setTimeout(update, RETRY);
    } finally {
      busy = false;
    }
  }

  function listen() {
    const source = new EventSource("/events");
    source.addEventListener("run", (event) => {
      const told = JSON.parse(event.data);
      wanted = told.version;
      say(told.state, MARKS[told.state]);
      update();
    });
    source.onerror = () => {
      say("lost", "connection lost: trying again");
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY);
    };
  }
  listen();
})();
