// The queue: one case large, or many small; the next ones are held before they are needed.
//
// A decision is shown at once and sent behind it. What is refused comes back into the queue.

import { announce, api, bind, element, lift, local, memory, on, quiet, say, see, tell, trouble, veiled } from "./moderation.js";
import { ban, removal } from "./moderation-sheets.js";
import { Tiles } from "./moderation-tiles.js";

const AHEAD = 5; // cases that are held beyond the one in sight
const LOW = 3; // as few are left when more are fetched
const MANY = 30; // cases that are held where many are decided at once
const MOST = 100;
const LOOK_AGAIN = 15000; // milliseconds until an empty queue is asked again
const OVER = ["already_decided", "taken", "not_found"]; // refusals after which the case is not ours any more

const root = document.getElementById("queue");
const { view, person } = root.dataset;
const sheet = document.getElementById("case");
const many = document.getElementById("many");
const beat = (Number(root.dataset.lease) * 1000) / 4;

let cases = []; // those that are held and not decided
let at = 0;
let wanted = AHEAD;
let ended = false; // no more are to be had at the moment
let taking = null;
const skipped = new Set();
const gone = new Map(); // ids of cases that were decided here, and since when the server knows it
const done = []; // what was decided here, the newest last: {chosen, sent, decisions}
const tiles = new Tiles(many.querySelector("ul"), count);
const current = () => cases[at] ?? null;
const grid = () => !many.hidden;
const place = () => ({ view, person: person ? Number(person) : null });

// Taking

function take() {
    taking ??= fetched().finally(() => (taking = null));
    return taking;
}

async function fetched() {
    const count = Math.min(cases.length + wanted, MOST);
    const without = [...skipped];
    const known = cases.map((one) => one.id);
    const began = Date.now();
    let answer;
    try {
        answer = await api("take", { ...place(), count, without, known });
    } catch (error) {
        if (cases.length) return void trouble(error, take);
        root.querySelector("[data-when=failed] .problem").textContent = error.message;
        return state("failed");
    }
    const ours = new Set([...cases.map((one) => one.id), ...skipped]);
    const decided = (id) => (gone.get(id) ?? 0) >= began; // when this was asked, or since
    const news = answer.cases.filter((one) => !ours.has(one.id) && !decided(one.id)).map(entry);
    ended = news.length === 0;
    counts(answer.counts);
    const empty = !cases.length;
    cases.push(...news);
    if (news.length) add(news);
    if (empty || !cases.length) show();
}

function entry(told) {
    const node = local(element("template", { innerHTML: told.html }).content).firstElementChild;
    const tile = local(element("template", { innerHTML: told.tile }).content).firstElementChild;
    return { id: told.id, node, tile };
}

function counts(all) {
    for (const [name, number] of Object.entries(all)) {
        const link = document.querySelector(`.views [data-view="${name}"] .count`);
        if (link) link.textContent = number;
    }
}

function release(some) {
    api("release", { cases: some.map((one) => one.id) }).catch(() => {}); // its lease ends by itself
}

// Showing

function state(name) {
    root.dataset.state = name;
    for (const part of root.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== name;
    root.querySelector("[data-skipped]").hidden = skipped.size === 0;
    for (const button of document.querySelectorAll("#deciding button:not([data-do=undo])")) {
        button.setAttribute("aria-disabled", String(name !== "there"));
    }
}

function show({ focus = true } = {}) {
    at = Math.min(Math.max(at, 0), Math.max(cases.length - 1, 0));
    const one = current();
    state(one ? "there" : ended ? "empty" : "loading");
    if (cases.length - at <= LOW && !ended) take();
    if (!one) {
        sheet.replaceChildren();
        if (root.dataset.state === "empty") announce(say("empty"));
        return;
    }
    if (grid()) return;
    if (sheet.firstElementChild !== one.node) {
        see(false);
        lift(one.node);
        sheet.replaceChildren(one.node);
        see(!veiled());
        if (focus) one.node.focus({ preventScroll: true });
        scrollTo({ top: 0 });
    }
}

function add(news) {
    many.querySelector("ul").append(...news.map((one) => one.tile));
    lift(many);
    count(tiles.selected.length);
}

function count(number) {
    many.querySelector(".count").textContent = say("selected", { n: number, all: cases.length });
}

function step(by) {
    if (grid()) return tiles.step(by);
    const next = at + by;
    if (next < 0 || next >= cases.length) return announce(say(by > 0 ? "last" : "first"));
    at = next;
    show();
}

on("step", ({ by }) => step(Number(by)));
on("next", () => step(1));
on("before", () => step(-1));
bind("KeyJ", "next");
bind("KeyK", "before");

// Deciding

function meant() {
    if (!grid()) return [current()].filter(Boolean);
    const chosen = new Set(tiles.meant);
    return cases.filter((one) => chosen.has(one.tile));
}

function out(chosen) {
    const places = chosen.map((one) => cases.indexOf(one));
    const focus = grid() ? chosen[0] && tiles.all.indexOf(chosen[0].tile) : -1;
    cases = cases.filter((one) => !chosen.includes(one));
    for (const one of chosen) {
        one.tile.remove();
        one.tile.querySelector("input").checked = false;
    }
    at -= places.filter((number) => number < at).length;
    ended = false;
    count(0);
    show();
    if (focus >= 0) tiles.focus(tiles.all[Math.min(focus, tiles.all.length - 1)]);
    return places;
}

// What was taken out comes back where it was, and into sight.
function back(chosen, places) {
    chosen.forEach((one, index) => {
        gone.delete(one.id);
        if (cases.some((other) => other.id === one.id)) return;
        const number = Math.min(Math.max(places[index] ?? 0, 0), cases.length);
        cases.splice(number, 0, one);
        const list = many.querySelector("ul");
        list.insertBefore(one.tile, list.children[number] ?? null);
    });
    lift(many);
    at = Math.max(cases.indexOf(chosen[0]), 0);
    count(tiles.selected.length);
    show();
}

async function decide(decision, chosen, { policy = "", reason = "" } = {}) {
    if (!chosen.length) return;
    quiet();
    for (const one of chosen) gone.set(one.id, Infinity);
    const places = out(chosen);
    const said = view === "appeals" ? `appeal_${decision}` : decision;
    announce(`${say(said, { n: chosen.length })} ${current() && !grid() ? current().node.querySelector("h2").textContent : ""}`);
    const sent = api("decide", { decision, policy, reason, cases: chosen.map((one) => one.id) });
    const act = { chosen, places, sent, decisions: [], flying: true };
    done.push(act);
    root.dataset.sending = "";
    try {
        const answer = await sent;
        act.decisions = answer.decisions;
        for (const one of chosen) gone.set(one.id, Date.now());
        counts(answer.counts);
    } catch (error) {
        done.splice(done.indexOf(act), 1);
        if (OVER.includes(error.code) && chosen.length === 1) return trouble(error);
        back(chosen, places);
        trouble(error, () => decide(decision, chosen, { policy, reason }));
        if (OVER.includes(error.code)) await keep();
    } finally {
        act.flying = false;
        forget();
    }
}

// Only the last decisions can come back with what they were about.
function forget() {
    root.toggleAttribute("data-sending", done.some((one) => one.flying));
    while (done.length > 50 && !done[0].flying) done.shift();
}

on("approve", () => decide("approved", meant()));
on("remove", async () => {
    const chosen = meant();
    if (!chosen.length) return;
    const told = await removal(say("about", { n: chosen.length }), chosen[0].node.dataset.policy);
    if (told) await decide("removed", chosen, told);
    else if (!grid()) current()?.node.focus({ preventScroll: true });
});
on("skip", () => {
    const chosen = meant();
    if (!chosen.length) return;
    for (const one of chosen) skipped.add(one.id);
    release(chosen);
    out(chosen);
    announce(say("skipped"));
});
on("unskip", () => {
    skipped.clear();
    ended = false;
    state("loading");
    take();
});
on("ban", async () => {
    const [one] = meant();
    if (!one || document.querySelector("#deciding [data-do=ban]").disabled) return;
    const told = await ban(one.node.querySelector(".who").textContent);
    if (!told) return;
    const account = Number(one.node.dataset.account);
    await api("ban", { account, ...told });
    tell(say("banned"));
    announce(say("banned"));
    await renew(one);
});
bind("KeyA", "approve");
bind("KeyR", "remove");
bind("KeyS", "skip");
bind("KeyB", "ban");

// The case anew: something about its person has changed.
async function renew(one) {
    const fresh = entry(await api("case", { ...place(), case: one.id }));
    const old = one.node;
    one.node = fresh.node;
    if (sheet.firstElementChild === old) {
        sheet.replaceChildren();
        show();
    }
}

let undoing = false;

on("undo", async () => {
    if (undoing) return;
    undoing = true;
    const act = done.pop();
    try {
        await act?.sent;
        const answer = await api("undo", { ...place(), decisions: act?.decisions ?? [] });
        counts(answer.counts);
        announce(say("undone"));
        tell(say("undone"));
        const fresh = answer.cases.map(entry);
        for (const one of fresh) skipped.delete(one.id);
        if (fresh.length) back(fresh, act?.places ?? [0]);
        else show();
        ended = false;
        take(); // so that it is held again
    } catch (error) {
        if (act?.decisions.length) done.push(act);
        trouble(error);
    } finally {
        undoing = false;
    }
});
bind("KeyZ", "undo");

// Many at once

function lay(on) {
    many.hidden = !on;
    sheet.hidden = on;
    root.toggleAttribute("data-many", on);
    document.body.toggleAttribute("data-many", on);
    document.querySelector("[data-do=grid]").setAttribute("aria-pressed", String(on));
    wanted = on ? MANY : AHEAD;
    memory.set("grid", on);
    if (on) {
        see(false);
        if (cases.length < MANY && !ended) take();
    }
    show();
    if (on) tiles.focus(current()?.tile);
}

on("grid", () => lay(!grid()));
on("select", () => (grid() ? tiles.toggle() : lay(true)));
on("all", () => tiles.every(true));
on("none", () => tiles.every(false));
on("further", () => {
    ended = false;
    take();
});
bind("KeyG", "grid");
bind("KeyX", "select");

// What is held stays held while somebody is here, and is free again when they go.

async function keep() {
    const held = cases.map((one) => one.id);
    try {
        const answer = await api("keep", { ...place(), cases: held });
        counts(answer.counts);
        const lost = cases.filter((one) => held.includes(one.id) && !answer.kept.includes(one.id));
        if (!lost.length) return;
        out(lost);
        announce(say("lost", { n: lost.length }));
    } catch (error) {
        if (error.status === 401) trouble(error);
    }
}

function leave() {
    if (!cases.length) return;
    const body = JSON.stringify({ cases: cases.map((one) => one.id) });
    const headers = { "content-type": "application/json" };
    fetch("/moderation/api/release", { method: "POST", keepalive: true, headers, body }).catch(() => {});
}

on("again", () => {
    state("loading");
    return take();
});

setInterval(keep, beat);
setInterval(() => {
    if (cases.length || taking || document.hidden || root.dataset.state === "failed") return;
    ended = false;
    take();
}, LOOK_AGAIN);
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    cases = [];
    many.querySelector("ul").replaceChildren();
    ended = false;
    show();
});

if (memory.get("grid")) lay(true);
else show();
