// The console's one script. It writes text only as text; without it every page still shows what it has.
"use strict";

const root = document.body.dataset.root || "./";

function showTimes(within) {
  for (const one of within.querySelectorAll("time[datetime]")) {
    const at = new Date(one.dateTime);
    if (!isNaN(at) && !one.title) {
      one.title = one.dateTime;
      one.textContent = at.toLocaleString(undefined, {
        year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
        fractionalSecondDigits: 3,
      });
    }
  }
}

// Disabled in the page: until this script runs, a click on them would be lost.
function enableButtons(within) {
  for (const button of within.querySelectorAll("button[disabled]")) button.disabled = false;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = safe(String(text));
  if (className) made.className = className;
  return made;
}

// As bridge/core/printable.py: neither control characters nor invisible or bidirectional ones are shown.
function safe(text) {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    "\ufffd");
}

function timeElement(text) {
  const made = element("time", text);
  made.dateTime = text || "";
  return made;
}

function outcomeElement(text) {
  const made = element("span", text, "outcome");
  if (/^[a-z_]+$/.test(text || "")) made.classList.add(text);
  return made;
}

function link(text, href) {
  const made = element("a", text);
  made.href = href;
  return made;
}

function findLink(text) {
  return text ? link(text, root + "find?q=" + encodeURIComponent(text)) : document.createTextNode("");
}

function cell(content, className) {
  const made = element("td", undefined, className);
  made.append(content);
  return made;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.firstChild.textContent = "Copied";
  } catch {
    button.firstChild.textContent = "Cannot copy";
  }
});

// Now, Spool: the part that changes is fetched again, unless the reader is in it.
const refreshed = document.getElementById("refresh");
if (refreshed) {
  setInterval(async () => {
    if (document.hidden || refreshed.contains(document.activeElement)) return;
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("refresh");
      if (fresh && !refreshed.contains(document.activeElement)) {
        refreshed.replaceChildren(...fresh.childNodes);
        showTimes(refreshed);
        enableButtons(refreshed);
      }
    } catch { /* the next turn tries again */ }
  }, 1000 * Number(refreshed.dataset.refresh));
}

// Live
const live = document.getElementById("live");
if (live) {
  const rows = live.tBodies[0], state = document.getElementById("live-state"), pause = document.getElementById("pause");
  const ROWS_MAX = 300;
  let waiting = [], leftOut = 0, paused = false, silent = [];
  const last = live.dataset.last, several = live.dataset.several === "1";
  const query = new URLSearchParams(location.search);
  const shown = () => {
    for (const one of waiting) {
      rows.querySelector(".empty")?.remove();
      const row = element("tr");
      const type = cell(element("span", one.type || ""));
      type.title = safe(one.event_id || "");
      row.append(
        cell(timeElement(one.time)), cell(outcomeElement(one.outcome)), cell(element("span", one.application || "")),
        type, cell(element("span", [one.reason, one.detail].filter(Boolean).join(": "))),
        cell(findLink(one.file_id)), cell(findLink(one.task_id)),
        cell(element("span", one.duration_ms ?? ""), "number"), cell(element("span", one.client || "")));
      if (several) {
        row.append(cell(element("span", [one.replica, one.worker ? "worker " + one.worker : ""].filter(Boolean).join(" "))));
      }
      rows.prepend(row);
    }
    waiting = [];
    while (rows.rows.length > ROWS_MAX) rows.lastElementChild.remove();
    showTimes(rows);
    showState();
  };
  const showState = () => {
    const parts = [paused ? "paused" : "live"];
    if (paused && waiting.length) parts.push(waiting.length + " waiting");
    if (leftOut) parts.push(leftOut + " left out");
    if (silent.length) parts.push("no answer from " + silent.join(", "));
    state.textContent = safe(parts.join(", "));
  };
  query.set("after", last);
  const source = new EventSource(root + "api/v1/deliveries?" + query);
  source.addEventListener("deliveries", (event) => {
    const found = JSON.parse(event.data);
    leftOut += found.left_out;
    silent = found.silent_workers.map((one) => "worker " + one.number)
      .concat(found.peers.filter((one) => !one.reachable).map((one) => one.address));
    waiting.push(...found.deliveries);
    if (waiting.length > ROWS_MAX) {
      leftOut += waiting.length - ROWS_MAX;
      waiting = waiting.slice(-ROWS_MAX);
    }
    if (paused) showState(); else requestAnimationFrame(shown);
  });
  source.onopen = showState;
  source.onerror = () => { state.textContent = "not connected, trying again"; };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) shown(); else showState();
  });
}

// How far a consumer group is past a record, as bridge/console/pages.py says it.
function groupText(group, past) {
  if (past > 1) return group + ": " + (past - 1) + " past it";
  return group + (past === 1 ? ": just past it" : ": " + (1 - past) + " to go");
}

// Find
const timeline = document.querySelector("[data-find]");
if (timeline) {
  const state = document.getElementById("find-state");
  const query = new URLSearchParams({ q: timeline.dataset.find, days: timeline.dataset.days });
  if (timeline.dataset.everywhere === "1") query.set("everywhere", "1");
  const source = new EventSource(root + "api/v1/find?" + query);
  let count = 0, progress = null;
  const showState = (ended) => {
    let text = ended ? count + " found" : "looking, " + count + " found";
    if (progress) {
      text += "; looked at " + progress.records_read + " of about " + progress.records_total + " records in "
        + progress.partitions + " partitions of " + progress.topics + " topics, back to "
        + new Date(progress.looked_back_to).toLocaleString();
      if (progress.is_full) text += "; there are more than are shown";
      if (ended && progress.by_key && !count) text += "; all partitions may have more";
    }
    state.textContent = text;
  };
  showState(false);
  source.addEventListener("records", (event) => {
    for (const one of JSON.parse(event.data)) {
      count += 1;
      const item = element("li", undefined, one.kind === "dead_letter" ? "dead_letter" : "event");
      const when = element("span", undefined, "when");
      when.append(timeElement(one.time || one.written));
      const notes = [one.detail, one.status, one.revision ? "revision" : "", one.deduplicated === false ? "not deduplicated" : "",
        one.mode === "push" ? "" : one.mode, ...(one.errors || []).map((error) => "error " + error)].filter(Boolean).join(", ");
      item.append(when, element("strong", one.type || "dead letter"), " ", outcomeElement(one.outcome || one.reason), " ",
        link(one.topic + "/" + one.partition + "/" + one.offset,
          root + "events/" + encodeURIComponent(one.topic) + "/" + one.partition + "/" + one.offset),
        " ", element("span", notes));
      item.dataset.at = one.topic + "/" + one.partition;
      item.dataset.offset = one.offset;
      timeline.append(item);
    }
    showTimes(timeline);
    showState(false);
  });
  source.addEventListener("groups", (event) => {
    const found = JSON.parse(event.data);
    for (const item of timeline.children) {
      const texts = found.offsets.filter((one) => one.topic + "/" + one.partition === item.dataset.at)
        .map((one) => groupText(one.group, one.committed - Number(item.dataset.offset)));
      if (texts.length) item.append(element("span", texts.join("; "), "groups"));
    }
    if (found.problem) timeline.after(element("p", found.problem, "note"));
  });
  source.addEventListener("progress", (event) => { progress = JSON.parse(event.data); showState(false); });
  source.addEventListener("end", () => { source.close(); showState(true); if (!count) document.getElementById("find-none").hidden = false; });
  source.addEventListener("problem", (event) => {
    source.close();
    const problem = JSON.parse(event.data);
    state.textContent = safe([problem.title, problem.detail, problem.remedy].filter(Boolean).join(": "));
  });
  source.onerror = () => { source.close(); state.textContent = "the connection has ended; " + count + " found so far"; };
}

// Dead letters: the time, entered in the reader's zone, is kept in the address as UTC.
const timeFilter = document.getElementById("time-filter");
if (timeFilter) {
  const { since, until } = timeFilter.elements;
  for (const input of [since, until]) {
    const at = new Date(input.value);
    input.value = "";
    input.type = "datetime-local";
    input.step = 1;
    input.value = isNaN(at) ? "" : new Date(at - 60000 * at.getTimezoneOffset()).toISOString().slice(0, 19);
    input.addEventListener("input", () => until.setCustomValidity(""));
  }
  document.getElementById("time-zone").textContent = "Times of your zone: " + Intl.DateTimeFormat().resolvedOptions().timeZone + ".";
  const show = (from, to) => {
    const query = new URLSearchParams();
    if (!isNaN(from)) query.set("since", from.toISOString().replace(".000", ""));
    if (!isNaN(to)) query.set("until", to.toISOString().replace(".000", ""));
    location.assign(root + "dead-letters?" + query);
  };
  timeFilter.addEventListener("submit", (event) => {
    event.preventDefault();
    const from = new Date(since.value), to = new Date(until.value);
    until.setCustomValidity(from >= to ? "This is not after From." : "");
    if (until.reportValidity()) show(from, to);
  });
  timeFilter.addEventListener("click", (event) => {
    const hours = { hour: 1, day: 24 }[event.target.dataset.preset];
    const now = new Date(), day = [now.getFullYear(), now.getMonth(), now.getDate()];
    now.setMilliseconds(0);
    if (hours) show(new Date(now - hours * 3600000), new Date(+now + 1000));
    else if (event.target.dataset.preset) show(new Date(day[0], day[1], day[2] - 1, 18), new Date(...day, 8));
  });
}

// Dead letters
const replay = document.getElementById("replay");
if (replay) {
  const state = document.getElementById("replay-state"), figures = document.getElementById("replay-figures");
  const items = document.getElementById("replay-items"), run = document.getElementById("replay-run");
  let wanted = null, path = "";
  const show = (result, isPlan) => {
    const summary = result.summary;
    figures.replaceChildren();
    for (const [name, count] of [["looked at", summary.looked_at], ...Object.entries(summary.endings)]) {
      const box = element("div");
      box.append(element("dt", (isPlan && name !== "looked at" ? "would be " : "") + name), element("dd", count));
      figures.append(box);
    }
    for (const [why, count] of Object.entries(summary.left)) {
      if (why === "not selected" || why === "outside of the time") continue;
      const box = element("div");
      box.append(element("dt", "left: " + why), element("dd", count));
      figures.append(box);
    }
    items.replaceChildren(...result.items.map((one) =>
      element("li", [one.origin, (isPlan ? "would be " : "") + one.outcome, one.type, one.reason, one.name].filter(Boolean).join("  "))));
  };
  const ask = async (args) => {
    const response = await fetch(root + "api/v1/" + path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(args),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error([answer.title, answer.detail, answer.remedy].filter(Boolean).join(": "));
    return answer;
  };
  const failed = (error) => { state.textContent = safe(error.message); run.hidden = true; };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-replay]");
    if (!button) return;
    wanted = JSON.parse(button.dataset.replay);
    path = button.dataset.replayPath || "dead-letters/replay";
    replay.hidden = false;
    run.hidden = true;
    figures.replaceChildren();
    items.replaceChildren();
    state.textContent = "looking at them, nothing is written";
    replay.focus();
    try {
      const result = await ask({ ...wanted, dry_run: true });
      show(result, true);
      state.textContent = "a dry run: nothing was written";
      run.hidden = replay.dataset.acts !== "1" || !result.summary.looked_at;
    } catch (error) { failed(error); }
  });
  run.addEventListener("click", async () => {
    run.hidden = true;
    try {
      let job = await ask({ ...wanted, dry_run: false });
      while (job.state === "running") {
        state.textContent = "replaying" + (job.result ? ", " + job.result.done + " of " + job.result.total : "");
        if (job.result) show(job.result, false);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const response = await fetch(root + "api/v1/jobs/" + encodeURIComponent(job.id));
        job = await response.json();
        if (!response.ok) throw new Error(job.title);
      }
      if (job.result) show(job.result, false);
      const rejected = job.result && job.result.summary.endings.rejected;
      const note = [rejected ? rejected + " rejected again, and still here" : "", job.result?.summary.note].filter(Boolean).join("; ");
      state.textContent = job.state === "done" ? "replayed" + (note ? "; " + safe(note) : "") + "; reload the page for the new counts" : "not all: " + safe(job.problem);
    } catch (error) { failed(error); }
  });
}

// Applications
const callback = document.getElementById("callback-test");
if (callback && document.getElementById("callback-run")) {
  const state = document.getElementById("callback-state"), shown = document.getElementById("callback-shown");
  const run = document.getElementById("callback-run");
  let name = "";
  const ask = async (dryRun) => {
    const response = await fetch(root + "api/v1/applications/" + name + "/test", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ dry_run: dryRun }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error([answer.title, answer.detail, answer.remedy].filter(Boolean).join(": "));
    return answer;
  };
  const show = (lines) => { shown.hidden = false; shown.textContent = safe(lines.filter(Boolean).join("\n")); };
  const failed = (error) => { state.textContent = safe(error.message); run.hidden = true; };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-callback-test]");
    if (!button) return;
    name = button.dataset.callbackTest;
    run.hidden = true;
    shown.hidden = true;
    try {
      const plan = await ask(true);
      show(["POST " + plan.url, plan.body]);
      state.textContent = "this would be posted; nothing was";
      run.hidden = callback.dataset.acts !== "1";
    } catch (error) { failed(error); }
  });
  run.addEventListener("click", async () => {
    run.hidden = true;
    state.textContent = "posting";
    try {
      const found = await ask(false), answer = found.answer, delivery = found.delivery;
      show(["POST " + found.url, answer.status ? "status " + answer.status + " after " + answer.duration_ms + " ms" : "",
        answer.text, delivery ? "received: " + [delivery.outcome, delivery.topic, delivery.replica,
          delivery.worker ? "worker " + delivery.worker : ""].filter(Boolean).join(", ") : "not among the recent deliveries"]);
      state.textContent = safe(found.problem ? [found.problem, found.remedy].filter(Boolean).join(": ") : "it arrived");
    } catch (error) { failed(error); }
  });
}

showTimes(document);
enableButtons(document);
