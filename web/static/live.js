// The strip of jobs and the stage: hears how jobs go, and shows one of them large.

import { element, studio, whenThere } from "./core.js";

const PATIENCE = 4000; // milliseconds without an answer until the page says so
const HIDDEN = 60000; // milliseconds out of sight until the page stops listening
const states = new Map(); // of the jobs in the strip, and what is to be seen of them
let source = null;
let away = null;
let leaving = null;
let shown = studio.memory.get("shown") ?? []; // the jobs on the stage

const stage = () => document.getElementById("stage-root");
const strip = () => document.getElementById("strip");
const at = (root, id) => root?.querySelector(`[data-job="${CSS.escape(id)}"]`);

function listen() {
    if (source) return;
    source = new EventSource(`/${studio.language}/live`);
    source.addEventListener("open", () => {
        clearTimeout(away);
        if (away === "told") studio.tell(studio.say("back"));
        away = null;
        studio.away = false;
    });
    source.addEventListener("error", () => {
        away ??= setTimeout(lost, PATIENCE);
        if (source?.readyState === EventSource.CLOSED) again();
    });
    const heard = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data)));
    heard("job", tile);
    heard("strip", order);
    heard("place", ({ id, line }) => progress(id, { line }));
    heard("step", (step) => progress(step.id, step));
    heard("told", (html) => document.dispatchEvent(new CustomEvent("studio:told", { detail: html })));
}

function lost() {
    away = "told";
    studio.away = true;
    studio.tell(studio.say("away"), { kind: "problem", retry: again });
}

function again() {
    source?.close();
    source = null;
    setTimeout(listen, 1000);
}

function tile({ id, state, shows, tile: html }) {
    const fresh = element("template", { innerHTML: html.trim() }).content.firstElementChild;
    const old = at(strip(), id);
    if (old) old.replaceWith(fresh);
    else strip()?.append(fresh);
    mark();
    const before = states.get(id);
    const now = `${state} ${shows}`;
    states.set(id, now);
    if (before === now) return;
    if (before) document.dispatchEvent(new CustomEvent("studio:jobs"));
    if (shown.includes(id) && (before || at(stage(), id)?.dataset.state !== state)) load();
}

function order(ids) {
    const list = strip();
    if (!list) return;
    for (const id of ids) {
        const one = at(list, id);
        if (one) list.append(one);
    }
    for (const one of [...list.children]) {
        if (ids.includes(one.dataset.job)) continue;
        states.delete(one.dataset.job);
        one.remove();
    }
    const running = [...list.children].find((one) => ["queued", "running"].includes(one.dataset.state));
    if (shown.length === 0 && running) show([running.dataset.job]);
}

function mark() {
    for (const one of strip()?.children ?? []) {
        one.toggleAttribute("data-shown", shown.includes(one.dataset.job));
    }
}

function progress(id, { line, left, share, preview }) {
    for (const root of [at(strip(), id), at(stage(), id)]) {
        if (!root) continue;
        const bar = root.querySelector(".progress");
        if (bar && share !== undefined) {
            bar.setAttribute("aria-valuenow", share);
            bar.firstElementChild.style.width = `${share}%`;
        }
        if (preview) picture(root.querySelector(".preview") ?? root.firstElementChild, preview);
        const now = root.querySelector(".line .now");
        if (now && line !== undefined) now.textContent = line;
        const rest = root.querySelector(".line .left");
        if (rest && left !== undefined) rest.textContent = left;
    }
}

function picture(frame, address) {
    let image = frame.querySelector("img");
    if (!image) {
        image = element("img", { alt: "" });
        frame.replaceChildren(image);
    }
    image.src = address;
}

async function show(ids) {
    shown = ids;
    studio.memory.set("shown", ids);
    mark();
    await load();
}

async function load() {
    const ids = shown;
    if (ids.length === 0) return;
    const answer = await fetch(`/${studio.language}/job/${ids.map(encodeURIComponent).join(",")}`).catch(() => null);
    if (ids !== shown || !stage()) return;
    if (answer?.ok) {
        stage().innerHTML = await answer.text();
        stage().dataset.many = ids.length;
        document.dispatchEvent(new CustomEvent("studio:stage"));
    } else if (answer?.status === 404) {
        shown = [];
        studio.memory.set("shown", []);
    }
}

studio.submitted = (jobs) => {
    if (!jobs) return;
    studio.quiet();
    show(jobs.split(","));
    if (studio.tab === "history") studio.go("create");
    studio.show("stage", { narrow: true });
};

studio.lastSeed = () => stage()?.querySelector("[data-seed]")?.dataset.seed;
studio.shown = show;

studio.on("show", ({ job }) => {
    if (studio.tab === "history") studio.go("create");
    show([job]).then(() => studio.show("stage", { narrow: true }));
});

studio.on("stop", ({ job }, button) => {
    button.disabled = true;
    return studio.api("DELETE", `/api/jobs/${job}`).catch((error) => {
        button.disabled = false;
        throw error;
    });
});

studio.on("vary", async ({ picture }) => {
    const job = await studio.api("POST", "/api/jobs", { mode: "variations", picture: { id: picture }, count: 4 });
    studio.submitted(job.id);
});

studio.on("mix", async ({ picture }) => {
    await studio.parts.mix.add({ picture });
    studio.tell(studio.say("mix_added"));
    studio.go("mix");
});

studio.on("edit", ({ picture }) => {
    studio.go("edit");
    return studio.parts.edit.open({ picture }, "fill");
});

studio.on("extend", ({ picture }) => {
    studio.go("edit");
    return studio.parts.edit.open({ picture }, "extend");
});

studio.on("reuse", ({ job }) => studio.parts.create.reuse(job));
studio.on("seed", ({ seed }) => window.studioTrigger("seed", { seed }));

studio.on("link", async ({ picture }) => {
    const { url } = await studio.api("PUT", `/api/pictures/${picture}/share`);
    const address = new URL(url, location.href).href;
    document.dispatchEvent(new CustomEvent("studio:jobs"));
    try {
        await navigator.clipboard.writeText(address);
        studio.tell(studio.say("link_copied"));
    } catch {
        await studio.ask(studio.say("link_ready"), { confirm: studio.say("close"), input: true, value: address });
    }
});

studio.on("favourite", async ({ picture }, button) => {
    const marked = button.getAttribute("aria-pressed") === "true";
    await studio.api(marked ? "DELETE" : "PUT", `/api/pictures/${picture}/favourite`);
    for (const one of document.querySelectorAll(`[data-do="favourite"][data-picture="${CSS.escape(picture)}"]`)) {
        one.setAttribute("aria-pressed", String(!marked));
    }
});

studio.on("report", async ({ picture }) => {
    const reason = await studio.ask(studio.say("report_ask"), { confirm: studio.say("report"), input: true });
    if (!reason) return;
    await studio.api("POST", `/api/pictures/${picture}/report`, { reason });
    studio.tell(studio.say("reported"));
});

studio.on("delete", async ({ picture }) => {
    if (!(await studio.ask(studio.say("delete_ask"), { confirm: studio.say("delete"), danger: true }))) return;
    await studio.api("DELETE", `/api/pictures/${picture}`);
    document.dispatchEvent(new CustomEvent("studio:jobs"));
    load();
});

document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
        if (!menu.contains(event.target) || event.target.closest("[data-do], a")) menu.open = false;
    }
});

// A page out of sight stops listening after a while: browsers keep only six connections a server.
document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (!document.hidden) listen();
    else
        leaving = setTimeout(() => {
            source?.close();
            source = null;
        }, HIDDEN);
});

document.addEventListener("studio:reviewed", () => load());

whenThere("stage-root", () => {
    listen();
    load();
});
