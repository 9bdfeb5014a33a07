// What the service's pages do beside what every page does. Sections come from the service as markup that it made of
// escaped data; everything else is set as text.
(() => {
  const { all, one, load, show, share } = page;
  const tell = (words) => all("[data-answer]").forEach((place) => { place.textContent = words; });
  const ask = async (method, path, body) => {
    const answer = await fetch(path, {
      method, headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const data = text ? JSON.parse(text) : {};
    if (!answer.ok) throw new Error(data.error || answer.statusText);
    return data;
  };

  // Start, take back, compare, filter.
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-start]");
    if (!form) return;
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    const request = { suite: fields.suite };
    ["seconds", "members", "seed"].forEach((name) => { if (fields[name]) request[name] = Number(fields[name]); });
    ["profile", "version"].forEach((name) => { if (fields[name]) request[name] = fields[name]; });
    try {
      const waiting = await ask("POST", "/api/runs", request);
      tell("Run " + waiting.id + " is on its way.");
      look(80);
    } catch (error) { tell(error.message); }
  });
  // After a start: until the run is there.
  const look = async (left) => {
    const running = await ask("GET", "/api/runs?limit=5");
    const found = running.find((run) => run.state === "running");
    const queue = await ask("GET", "/api/queue");
    if (queue.failure) { tell(queue.failure); return; }
    if (found && queue.waiting.length === 0 && !queue.starting) { location.assign("/runs/" + encodeURIComponent(found.name)); return; }
    if (found && queue.waiting.length > 0) { location.reload(); return; }
    if (found) { location.assign("/runs/" + encodeURIComponent(found.name)); return; }
    if (left > 0) setTimeout(() => look(left - 1), 500);
  };
  const chosen = () => all("[data-choose]:checked").map((box) => box.dataset.choose);
  document.addEventListener("change", (event) => {
    if (event.target.dataset.choose === undefined) return;
    one("[data-compare]").disabled = chosen().length !== 2;
  });
  document.addEventListener("input", (event) => {
    if (event.target.dataset.search === undefined) return;
    const words = event.target.value.toLowerCase().split(/\s+/);
    all("[data-run]").forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    });
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.compare !== undefined) {
      const [b, a] = chosen();
      location.assign("/compare?a=" + encodeURIComponent(a) + "&b=" + encodeURIComponent(b));
    }
    if (button.dataset.takeBack) {
      try { await ask("DELETE", "/api/queue/" + button.dataset.takeBack); location.reload(); } catch (error) { tell(error.message); }
    }
    if (button.dataset.events !== undefined) choose(button.dataset.events);
    if (button.dataset.act) act(button);
  });
  const act = async (button) => {
    const name = one("[data-live]").dataset.live, doing = button.dataset.act;
    button.disabled = true;
    tell("…");
    try {
      const body = doing === "quiet" ? { seconds: Number(button.dataset.seconds) } : undefined;
      await ask("POST", "/api/runs/" + encodeURIComponent(name) + "/" + doing, body);
      tell({ heal: "Healed.", quiet: "No faults for a while.", judge: "Judged.", stop: "It is ending.", "stop?keep=true": "It is ending; members go on." }[doing]);
      if (doing === "judge") location.reload();
    } catch (error) { tell(error.message); }
    button.disabled = doing === "stop";
  };

  // Filters of events outlive the section, which is renewed every second.
  let kind = "";
  const choose = (wanted) => { kind = wanted; filterEvents(); };
  const filterEvents = () => {
    all("[data-events]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.events === kind));
    all("[data-event]").forEach((line) => {
      line.hidden = kind === "bad" ? line.dataset.bad !== "true" : kind !== "" && line.dataset.event !== kind;
    });
  };

  // A run while it goes on.
  const live = one("[data-live]");
  if (!live || live.dataset.running !== "true") return;
  const parse = (markup) => { const holder = document.createElement("template"); holder.innerHTML = markup; return holder.content; };
  const place = (section) => {
    let found = document.getElementById(section.id);
    if (!found) {
      found = document.createElement("section");
      found.id = section.id;
      found.setAttribute("aria-label", section.title);
      // Sections come as soon as they have something to show, and stand where the report will have them.
      const next = section.order.slice(section.order.indexOf(section.id) + 1).map((id) => document.getElementById(id));
      one("[data-sections]").insertBefore(found, next.find((other) => other) || null);
    }
    return found;
  };
  // What changed is changed in place, so that the focus, what is open, what is selected and how far it is scrolled stay.
  const become = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName || old.nodeName === "svg") { old.replaceWith(fresh); return; }
    const kept = (name) => name === "open";
    old.getAttributeNames().forEach((name) => { if (!kept(name) && !fresh.hasAttribute(name)) old.removeAttribute(name); });
    fresh.getAttributeNames().forEach((name) => { if (!kept(name)) old.setAttribute(name, fresh.getAttribute(name)); });
    contain(old, fresh);
  };
  const contain = (old, fresh) => {
    const before = Array.from(old.childNodes), after = Array.from(fresh.childNodes);
    after.forEach((child, n) => { if (before[n]) become(before[n], child); else old.append(child); });
    before.slice(after.length).forEach((child) => child.remove());
  };
  const renew = (section) => {
    contain(place(section), parse(section.html));
    if (section.id === "events") filterEvents();
  };
  let steered = false;
  document.addEventListener("pointermove", (event) => { steered = Boolean(event.target.closest && event.target.closest("[data-timeline]")); });
  const watch = () => {
    const stream = new EventSource("/api/runs/" + encodeURIComponent(live.dataset.live) + "/live");
    stream.addEventListener("section", (event) => renew(JSON.parse(event.data)));
    stream.addEventListener("moments", (event) => {
      const fresh = parse(JSON.parse(event.data).html).firstElementChild;
      const data = one("#moments");
      data.textContent = fresh ? fresh.textContent : "null";
      load();
      // The newest moment is shown until somebody points at another.
      show(steered ? share() : 1);
    });
    stream.addEventListener("head", (event) => {
      const head = JSON.parse(event.data);
      const faults = head.faults.length ? ", faults: " + head.faults.join(", ") : "";
      const count = (n) => n.toLocaleString("en");
      if (head.kept.length) {
        one("[data-head]").textContent = "The run is over and judged. Its members keep running: " + head.kept.join(" ");
        all("[data-act]").forEach((button) => { button.hidden = button.dataset.act !== "stop"; });
        one("[data-act=stop]").textContent = "End the members";
        one("[data-act=stop]").disabled = false;
        return;
      }
      one("[data-head]").textContent = (head.phase || "starting") + ", " + head.seconds.toFixed(0) + " s: " + count(head.ok) + " answered, "
        + count(head.failed) + " failed, " + count(head.unknown) + " unknown" + faults;
      one("[data-head]").classList.toggle("is-wrong", head.failing.length > 0);
    });
    stream.addEventListener("done", () => {
      stream.close();
      one("[data-head]").textContent = "The run is over and is being judged.";
      wait(240);
    });
  };
  const wait = async (left) => {
    const run = await ask("GET", "/api/runs/" + encodeURIComponent(live.dataset.live));
    if (run.state !== "running" && run.verdict) { location.reload(); return; }
    if (left > 0) setTimeout(() => wait(left - 1), 500); else one("[data-head]").textContent = "The run ended without a verdict.";
  };
  // A stream that is opened before the page is whole would keep it loading for as long as the run goes on.
  if (document.readyState === "complete") watch(); else addEventListener("load", () => setTimeout(watch, 0));
})();
