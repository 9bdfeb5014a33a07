"use strict";
// Everything is readable without this. It only moves what is there; data enters as text, never as markup.
const page = (() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const one = (selector, within = document) => within.querySelector(selector);

  // The moment under the cursor: values in legends, faults in effect.
  let moments = null;
  let share = 0;
  const load = () => {
    const data = one("#moments");
    moments = data ? JSON.parse(data.textContent) : null;
  };
  const nearest = (places, at) => {
    let low = 0, high = places.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] < at) low = middle + 1; else high = middle;
    }
    return low > 0 && at - places[low - 1] < places[low] - at ? low - 1 : low;
  };
  const show = (at) => {
    share = Math.min(1, Math.max(0, at));
    const timeline = one("[data-timeline]");
    if (!timeline || !moments) return;
    timeline.style.setProperty("--at", share);
    const slider = one("#moment"), text = (share * moments.seconds).toFixed(3) + " s";
    slider.value = Math.round(share * 1000);
    slider.setAttribute("aria-valuetext", text);
    one("#moment-text").textContent = text;
    const active = moments.faults.filter((fault) => fault[0] <= share && share <= fault[1]).map((fault) => fault[2]);
    const faults = one("#moment-faults");
    const words = active.join(", ");
    if (faults.textContent !== words) faults.textContent = words;
    all("[data-plot]", timeline).forEach((row) => {
      const plot = moments.plots[row.dataset.plot];
      if (!plot) return;
      all("output[data-line]", row).forEach((output) => {
        const line = plot.lines[output.dataset.line];
        const places = line.at || plot.at;
        output.textContent = places && places.length ? line.texts[nearest(places, share)] : "";
      });
    });
  };
  document.addEventListener("pointermove", (event) => {
    const chart = event.target.closest && event.target.closest("[data-timeline] .chart");
    if (!chart) return;
    const box = chart.getBoundingClientRect();
    show((event.clientX - box.left) / box.width);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "moment") show(event.target.value / 1000);
  });

  // Lanes: choose an operation, walk with the arrow keys, zoom.
  const operations = () => all("[data-op]").sort((a, b) => a.dataset.op - b.dataset.op);
  const choose = (operation, focus) => {
    operations().forEach((other) => {
      const chosen = other === operation;
      other.tabIndex = chosen ? 0 : -1;
      other.setAttribute("aria-pressed", chosen);
    });
    all("[data-row]").forEach((row) => { row.hidden = row.dataset.row !== operation.dataset.op; });
    if (focus) { operation.focus({ preventScroll: true }); operation.scrollIntoView({ block: "nearest", inline: "center" }); }
  };
  document.addEventListener("keydown", (event) => {
    const lanes = event.target.closest && event.target.closest("[data-lanes]");
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (!lanes || !(event.key in steps)) return;
    const list = operations(), current = list.findIndex((operation) => operation.getAttribute("aria-pressed") === "true");
    const next = Math.min(list.length - 1, Math.max(0, current + steps[event.key]));
    if (list[next]) choose(list[next], true);
    event.preventDefault();
  });
  document.addEventListener("pointerover", (event) => {
    const operation = event.target.closest && event.target.closest("[data-op]");
    if (operation) choose(operation, false);
  });
  const zoom = (factor) => {
    const field = one(".field");
    if (!field) return;
    const now = Number(field.style.getPropertyValue("--zoom") || 1);
    field.style.setProperty("--zoom", factor === 1 ? 1 : Math.min(8, Math.max(0.1, now * factor)));
  };

  const filter = (status) => {
    all("[data-filter]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.filter === status));
    all("[data-status]").forEach((row) => { row.hidden = status !== "" && row.dataset.status !== status; });
    all(".properties").forEach((group) => { group.hidden = !one("[data-status]:not([hidden])", group); });
  };
  const copy = (button) => {
    const done = () => { button.textContent = "Copied"; };
    // From a file there may be no clipboard: then the words are chosen, ready to be copied by hand.
    const byHand = () => getSelection().selectAllChildren(button.previousElementSibling);
    if (navigator.clipboard) navigator.clipboard.writeText(button.dataset.copy).then(done, byHand); else byHand();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.op !== undefined) choose(button, true);
    if (button.dataset.zoom) zoom(Number(button.dataset.zoom));
    if (button.dataset.filter !== undefined) filter(button.dataset.filter);
    if (button.dataset.copy) copy(button);
    if (button.dataset.themeSwitch !== undefined) {
      const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
        || (!document.documentElement.style.colorScheme && matchMedia("(prefers-color-scheme: dark)").matches);
      document.documentElement.style.colorScheme = dark ? "light" : "dark";
    }
  });
  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));

  const start = () => {
    load();
    show(moments && moments.violated !== null ? moments.violated : share);
    const impossible = one(".op.impossible") || one("[data-op]");
    if (impossible) {
      choose(impossible, false);
      const lanes = one("[data-lanes]");
      if (lanes) lanes.scrollLeft = impossible.offsetLeft - lanes.clientWidth / 2;
    }
  };
  start();
  return { all, one, load, show, share: () => share };
})();
