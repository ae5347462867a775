// Values read off a chart by pointer, touch and arrow keys. A chart says in `data-read` what there is to read
// (report/charts/read.py). Events are taken at the document, so that charts may be replaced at any time.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const NEAR = 6; // units of the drawing by which a place may lie outside a series
  const STYLE = `
    svg[data-read]{touch-action:pan-y}
    svg[data-read]:focus{outline:none}
    svg[data-read]:focus-visible{outline:3px solid var(--link,#0b62c4);outline-offset:3px;border-radius:4px}
    .reading{position:absolute;z-index:9;pointer-events:none;max-width:min(20rem,92vw);padding:.35rem .55rem;
      border:1px solid var(--edge,#b9bec7);border-radius:6px;background:var(--paper,#fff);color:var(--ink,#1d2026);
      box-shadow:0 2px 10px #0003;font:13px/1.35 system-ui,sans-serif;font-variant-numeric:tabular-nums}
    .reading[hidden]{display:none}
    .reading div{display:flex;gap:.4rem;align-items:baseline;overflow-wrap:anywhere}
    .reading span:last-child{margin-left:auto;padding-left:.8rem;white-space:nowrap}
    .reading i{flex:none;width:.65rem;height:.65rem;border-radius:50%}
    .said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
    @media print{.reading,.reading-marks{display:none}}`;
  const box = make("div", { class: "reading", hidden: "" });
  const said = make("div", { class: "said", "aria-live": "polite", role: "status" });
  let at = null, marks = null; // what is read: {svg, panel, series, place}, and what is drawn for it
  const known = new WeakMap();

  function make(tag, attributes = {}, of = "http://www.w3.org/1999/xhtml") {
    const element = document.createElementNS(of, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  const draw = (tag, attributes) => marks.append(make(tag, attributes, SVG));

  function panels(svg) {
    if (!known.has(svg)) known.set(svg, JSON.parse(svg.dataset.read).map(opened));
    return known.get(svg);
  }

  function opened(panel) {
    const texts = (joined) => (Array.isArray(joined) ? joined : joined.split("|"));
    const series = panel.series.map((one) =>
      ({ ...one, x: one.x ?? panel.x, t: texts(one.t ?? panel.t), v: texts(one.v) }));
    const stops = new Map(series.flatMap((one) => one.x.map((x, n) => [x, one.t[n]])));
    return { ...panel, series, stops: [...stops].sort(([a], [b]) => a - b) };
  }

  const body = (svg) => svg.querySelector(":scope > g");

  function nearest(places, x) {
    return places.reduce((best, place, n) => (Math.abs(place - x) < Math.abs(places[best] - x) ? n : best), 0);
  }

  // The place of a panel that is nearest to a point of the drawing.
  function found(panel, x, y) {
    if (panel.kind === "lines") return { series: 0, place: nearest(panel.stops.map(([at]) => at), x) };
    if (panel.kind === "cells") {
      return { series: nearest(panel.series.map((one) => one.y), y), place: nearest(panel.x, x) };
    }
    let best = { series: 0, place: 0 }, least = Infinity;
    panel.series.forEach((one, series) => one.x.forEach((across, place) => {
      const away = Math.hypot(across - x, one.y[place] - y);
      if (away < least) [least, best] = [away, { series, place }];
    }));
    return best;
  }

  function point(event) {
    const svg = event.target.closest?.("svg[data-read]");
    if (!svg) return hide();
    const matrix = body(svg).getScreenCTM();
    if (!matrix) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const all = panels(svg);
    const away = ({ box: [, top, , bottom] }) => Math.max(top - y, y - bottom, 0);
    const panel = all.reduce((best, one, n) => (away(one) < away(all[best]) ? n : best), 0);
    if (away(all[panel]) > 40) return hide();
    show({ svg, panel, ...found(all[panel], x, y) }, false);
  }

  function show(next, aloud) {
    hide();
    at = next;
    const panel = panels(at.svg)[at.panel];
    marks = body(at.svg).appendChild(make("g", { class: "reading-marks" }, SVG));
    const lines = [];
    let heading, x, y;
    if (panel.kind === "lines") {
      const stop = panel.stops[at.place];
      [x, heading] = [stop[0], `${panel.label} ${stop[1]}`];
      draw("path", { d: `M${x} ${panel.box[1]}V${panel.box[3]}`, stroke: "var(--tw-ink)", "stroke-width": 1 });
      for (const one of panel.series) {
        const n = nearest(one.x, x);
        if (x < one.x[0] - NEAR || x > one.x.at(-1) + NEAR) continue; // before it begins, or behind its end
        const apart = one.t[n] === stop[1] ? "" : ` (at ${one.t[n]})`;
        const where = { cx: one.x[n], cy: one.y[n], r: 4, class: `f${one.colour}` };
        draw("circle", { ...where, stroke: "var(--tw-paper)", "stroke-width": 1.5 });
        y = Math.min(y ?? Infinity, one.y[n]);
        lines.push([one.name, one.v[n] + apart, one.colour]);
      }
    } else {
      const one = panel.series[at.series];
      [x, y] = [one.x[at.place], panel.kind === "cells" ? one.y : one.y[at.place]];
      if (panel.kind === "cells") {
        const [width, tall] = panel.cell;
        const frame = { x: x - width / 2, y: y - tall / 2, width, height: tall, fill: "none", "stroke-width": 2 };
        draw("rect", { ...frame, stroke: "var(--tw-paper)", "stroke-width": 4 });
        draw("rect", { ...frame, stroke: "var(--tw-ink)" });
        y -= tall / 2;
      } else draw("circle", { cx: x, cy: y, r: 5, class: `f${one.colour}`, stroke: "var(--tw-ink)" });
      heading = [one.name, one.t[at.place] && `${panel.label} ${one.t[at.place]}`].filter(Boolean).join(", ");
      lines.push([panel.value ?? "", one.v[at.place], null]);
    }
    fill(heading, lines);
    put(x, y);
    if (aloud) said.textContent = [heading, ...lines.map(([name, value]) => `${name} ${value}`)].join("; ");
  }

  function fill(heading, lines) {
    const title = make("b");
    title.textContent = heading;
    box.replaceChildren(title, ...lines.map(([name, value, colour]) => {
      const [row, dot, words, number] = ["div", "i", "span", "span"].map((tag) => make(tag));
      if (colour) {
        dot.style.background = getComputedStyle(at.svg).getPropertyValue(`--tw-${colour}`);
        row.append(dot);
      }
      [words.textContent, number.textContent] = [name, value];
      row.append(words, number);
      return row;
    }));
  }

  function put(x, y) {
    box.hidden = false;
    const spot = new DOMPoint(x, y).matrixTransform(body(at.svg).getScreenCTM());
    const wide = box.offsetWidth, room = document.documentElement.clientWidth;
    const left = spot.x + 14 + wide > room ? spot.x - 14 - wide : spot.x + 14;
    const top = spot.y - box.offsetHeight - 8 < 0 ? spot.y + 14 : spot.y - box.offsetHeight - 8;
    box.style.left = `${Math.max(4, Math.min(left, room - wide - 4)) + scrollX}px`;
    box.style.top = `${top + scrollY}px`;
  }

  function hide() {
    marks?.remove();
    [at, marks, box.hidden] = [null, null, true];
  }

  // Left and right move along, up and down to the next row, series or panel.
  function key(event) {
    const svg = document.activeElement;
    if (!svg?.matches?.("svg[data-read]") || event.ctrlKey || event.altKey || event.metaKey) return;
    const across = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    const down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (across === undefined && down === undefined) return;
    event.preventDefault();
    const all = panels(svg);
    const now = at?.svg === svg ? at : null;
    show(now ? moved(all, now, across, down) : { svg, panel: 0, ...found(all[0], -1e9, -1e9) }, true);
  }

  function moved(all, now, across, down) {
    const panel = all[now.panel];
    const along = panel.kind === "lines" ? panel.stops.map(([x]) => x) : panel.series[now.series].x;
    if (across !== undefined) return { ...now, place: Math.max(0, Math.min(now.place + across, along.length - 1)) };
    const next = now.series + down;
    if (panel.kind !== "lines" && next >= 0 && next < panel.series.length) {
      const place = Math.min(now.place, panel.series[next].x.length - 1);
      return { ...now, series: next, place };
    }
    const other = Math.max(0, Math.min(now.panel + down, all.length - 1));
    if (other === now.panel) return now;
    return { ...now, panel: other, ...found(all[other], along[now.place], down > 0 ? -1e9 : 1e9) };
  }

  function prepare() {
    if (at && !at.svg.isConnected) hide();
    for (const svg of document.querySelectorAll("svg[data-read]:not([tabindex])")) {
      const told = { tabindex: 0, role: "application", "aria-roledescription": "chart; arrow keys read its values" };
      for (const [name, value] of Object.entries(told)) svg.setAttribute(name, value);
    }
  }

  function start() {
    const style = make("style");
    style.textContent = STYLE;
    document.head.append(style);
    document.body.append(box, said);
    prepare();
    new MutationObserver(prepare).observe(document.body, { childList: true, subtree: true });
    document.addEventListener("pointermove", point);
    document.addEventListener("pointerdown", point);
    document.addEventListener("keydown", key);
    document.addEventListener("focusout", hide);
    addEventListener("resize", hide);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
