// The tab History: finds, shows and selects what one has made; a picture large in a dialog.

import { element, studio } from "./core.js";
import { takers } from "./create.js";
import { whenThere } from "./core.js";

const PAUSE = 250; // milliseconds without a key until a search begins
const AGAIN = 5000; // milliseconds until what failed is asked for again
const LEAVING = ["vary", "mix", "edit", "extend", "reuse", "seed"]; // of a picture shown large
const FIELDS = ["search", "mode", "model", "since", "until"];

const selected = new Set(); // ids of pictures
const known = new Map(); // by job, the HTML of its card
let favourites = false;
let asking = null; // what aborts the newest fetch
let typing = null;
let large = null; // the id of the picture in the dialog

const root = () => document.getElementById("history");
const dialog = () => document.getElementById("large");
const list = () => root()?.querySelector(".cards");
const cards = () => [...(list()?.querySelectorAll(".card") ?? [])];
const thumbs = () => [...(list()?.querySelectorAll(".thumb") ?? [])];
const field = (name) => root()?.querySelector(`[name="${name}"]`);
const at = (picture) => list()?.querySelector(`.thumb[data-picture="${CSS.escape(picture)}"]`);

// Finding

function query(before) {
    const asked = new URLSearchParams();
    for (const name of FIELDS) {
        const value = field(name)?.value.trim();
        if (value) asked.set(name, moment(name, value));
    }
    if (favourites) asked.set("favourites", "true");
    if (before) asked.set("before", before);
    return asked;
}

// A day begins and ends where the browser is; `until` means to the end of that day.
function moment(name, value) {
    if (name !== "since" && name !== "until") return value;
    const day = new Date(`${value}T00:00`);
    if (name === "until") day.setDate(day.getDate() + 1);
    return day.toISOString();
}

async function fetched(before) {
    asking?.abort();
    const mine = (asking = new AbortController());
    const answer = await fetch(`/${studio.language}/history?${query(before)}`, { signal: mine.signal });
    const html = await answer.text();
    if (!answer.ok) throw new Error(element("template", { innerHTML: html }).content.textContent.trim());
    return element("template", { innerHTML: html }).content;
}

async function load(act, before, least = 0) {
    if (!root()) return;
    root().dataset.state = "loading";
    list().setAttribute("aria-busy", "true");
    try {
        act(await pages(before, least));
        settle();
    } catch (error) {
        if (error.name === "AbortError") return;
        known.clear();
        list().replaceChildren();
        state("failed", error instanceof TypeError ? studio.say("away") : error.message);
        setTimeout(() => root()?.dataset.state === "failed" && studio.tab === "history" && find(), AGAIN);
    }
    list().removeAttribute("aria-busy");
}

// As many pages as hold that many cards.
async function pages(before, least) {
    const found = await fetched(before);
    let rest = found.querySelector(".more");
    while (rest && found.querySelectorAll(".card").length < least) {
        rest.remove();
        found.append(await fetched(rest.firstElementChild.dataset.before));
        rest = found.querySelector(".more");
    }
    return found;
}

const find = () => load((page) => (known.clear(), list().replaceChildren(page)));
const more = (before) => load((page) => (list().querySelector(".more")?.remove(), list().append(page)), before);
const renew = () => load(merge, undefined, cards().length);

// The newest state over what is there: what did not change stays as it is, its fold too.
function merge(page) {
    const old = new Map(cards().map((card) => [card.dataset.job, card]));
    const next = [...page.children].map((one) => same(one, old.get(one.dataset.job)));
    list().replaceChildren(...next);
}

function same(card, old) {
    if (!old) return card;
    if (known.get(card.dataset.job) === text(card)) return old;
    const fold = card.querySelector("details");
    if (fold) fold.open = old.querySelector("details")?.open ?? false;
    return card;
}

const text = (card) => card.outerHTML.replace(/<time.*?<\/time>/s, "");

function settle() {
    const found = cards();
    for (const card of found) {
        const { job } = card.dataset;
        if (!known.has(job) || card.dataset.settled === undefined) {
            known.set(job, text(card));
            card.dataset.settled = "";
            const time = card.querySelector("time");
            time.title = new Date(time.dateTime).toLocaleString(studio.language);
        }
    }
    for (const box of list().querySelectorAll(".tick input")) box.checked = selected.has(box.value);
    for (const id of selected) if (!at(id)) selected.delete(id);
    const rest = list().querySelector(".more");
    if (rest) reaching.observe(rest);
    const empty = found.length === 0 && !rest;
    state(!empty ? "shown" : list().querySelector(".nothing") ? "empty" : "none");
    if (found.length === 0 && rest) more(rest.firstElementChild.dataset.before);
    count();
    if (large && dialog()?.open && !at(large)) dialog().close();
    else if (large && dialog()?.open) fill(large);
}

function state(name, why = "") {
    root().dataset.state = name;
    for (const blank of root().querySelectorAll("[data-when]")) blank.hidden = blank.dataset.when !== name;
    root().querySelector("[data-why]").textContent = why;
    root().querySelector("[data-said]").textContent =
        name === "shown" ? studio.say("history_shown", { n: thumbs().length }) : "";
    root().querySelector(".chip.clear").hidden = query().size === 0;
}

const reaching = new IntersectionObserver((seen) => {
    for (const one of seen) {
        if (!one.isIntersecting || studio.tab !== "history") continue;
        reaching.unobserve(one.target);
        more(one.target.firstElementChild.dataset.before);
    }
}, { rootMargin: "400px" });

studio.on("history-more", ({ before }) => more(before));
studio.on("history-again", find);
studio.on("history-favourites", (_, button) => {
    favourites = !favourites;
    button.setAttribute("aria-pressed", String(favourites));
    find();
});
studio.on("history-clear", () => {
    for (const name of FIELDS) if (field(name)) field(name).value = "";
    favourites = false;
    root().querySelector("[data-do=history-favourites]").setAttribute("aria-pressed", "false");
    mark();
    find();
});

function mark() {
    for (const name of FIELDS) field(name)?.closest(".chip")?.toggleAttribute("data-set", Boolean(field(name).value));
}

document.addEventListener("input", (event) => {
    if (!event.target.closest?.("#history .find") || event.target.type === "file") return;
    mark();
    clearTimeout(typing);
    typing = setTimeout(find, event.target.type === "search" ? PAUSE : 0);
});

// Selecting

function choosing(on) {
    root().toggleAttribute("data-selecting", on);
    root().querySelector(".selection").hidden = !on;
    root().querySelector(".doing [data-do=history-select]").setAttribute("aria-pressed", String(on));
    if (!on) {
        selected.clear();
        for (const box of list().querySelectorAll(".tick input")) box.checked = false;
    }
    count();
}

function tick(box, on) {
    box.checked = on;
    if (on) selected.add(box.value);
    else selected.delete(box.value);
}

function count() {
    const bar = root().querySelector(".selection");
    bar.querySelector(".count").textContent = studio.say("history_selected", { n: selected.size });
    for (const name of ["zip", "delete"]) {
        bar.querySelector(`[data-do=history-${name}]`).disabled = selected.size === 0;
    }
}

studio.on("history-select", () => choosing(!root().hasAttribute("data-selecting")));
studio.on("history-all", () => {
    for (const box of list().querySelectorAll(".tick input")) tick(box, true);
    count();
});
studio.on("history-zip", () => {
    const sent = element("form", { method: "post", action: "/api/pictures/zip", target: "history-file", hidden: true });
    for (const id of selected) sent.append(element("input", { name: "ids", value: id }));
    const frame = document.getElementById("history-file") ?? hidden();
    frame.after(sent);
    sent.submit();
    sent.remove();
});
studio.on("history-delete", async () => {
    const asked = studio.say("history_delete_ask", { n: selected.size });
    if (!(await studio.ask(asked, { confirm: studio.say("delete"), danger: true }))) return;
    const { deleted } = await studio.api("POST", "/api/pictures/delete", { ids: [...selected] });
    choosing(false);
    studio.tell(studio.say("history_deleted", { n: deleted }));
    document.dispatchEvent(new CustomEvent("studio:jobs"));
});

// A file is saved and the frame stays empty; what comes into the frame is a refusal.
function hidden() {
    const frame = element("iframe", { id: "history-file", name: "history-file", hidden: true, title: "" });
    frame.addEventListener("load", () => {
        const told = frame.contentDocument?.body?.textContent;
        if (!told) return;
        let sentence = studio.say("failed");
        try {
            sentence = JSON.parse(told).error.message;
        } catch {
            // no answer of ours
        }
        studio.tell(sentence, { kind: "problem" });
    });
    document.body.append(frame);
    return frame;
}

// One picture, large

function fill(id) {
    const thumb = at(id);
    if (!thumb) return;
    large = id;
    const card = thumb.closest(".card");
    const image = dialog().querySelector("img");
    if (!image.src.endsWith(`/media/${id}`)) image.src = `/media/${id}`;
    image.alt = thumb.querySelector("img").alt;
    const words = card.querySelector(".words");
    dialog().querySelector(".words").replaceChildren(...(words?.cloneNode(true).childNodes ?? []));
    for (const button of dialog().querySelectorAll(".actions [data-do]")) {
        Object.assign(button.dataset, { picture: id, job: card.dataset.job, seed: thumb.dataset.seed });
    }
    const marked = thumb.querySelector("[data-do=favourite]").getAttribute("aria-pressed");
    dialog().querySelector("[data-do=favourite]").setAttribute("aria-pressed", marked);
    dialog().querySelector("[data-do=unshare]").hidden = thumb.dataset.shared === undefined;
    dialog().querySelector("[data-download]").href = `/media/${id}?download=1`;
    const all = thumbs();
    const place = all.indexOf(thumb);
    dialog().querySelector("[data-by='-1']").disabled = place === 0;
    dialog().querySelector("[data-by='1']").disabled = place === all.length - 1;
}

function step(by) {
    const all = thumbs();
    const next = all[all.indexOf(at(large)) + by];
    if (next) fill(next.dataset.picture);
}

studio.on("large", ({ picture }) => {
    if (root().hasAttribute("data-selecting")) {
        const box = at(picture).querySelector(".tick input");
        tick(box, !box.checked);
        count();
        return;
    }
    fill(picture);
    dialog().showModal();
});
studio.on("large-close", () => dialog().close());
studio.on("large-step", ({ by }) => step(Number(by)));
studio.on("unshare", async ({ picture }) => {
    await studio.api("DELETE", `/api/pictures/${picture}/share`);
    studio.tell(studio.say("history_unshared"));
    await renew();
});

document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.("#history [data-do], #large [data-do]")?.dataset.do;
    if (event.target === dialog()) dialog().close(); // beside the picture
    if (LEAVING.includes(pressed)) dialog()?.close();
    if (pressed === "seed") studio.go("create");
});

document.addEventListener("keydown", (event) => {
    if (!dialog()?.open || event.target.closest("textarea, dialog.ask")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) step(by);
});

document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.closest?.("#history")) return;
    if (input.matches(".tick input")) {
        tick(input, input.checked);
        count();
    } else if (input.matches("[data-recall]") && input.files.length) {
        restore(input.files[0]).catch(() => {});
        input.value = "";
    }
});

// A picture made here brings its settings with it.
async function restore(file) {
    const answer = await studio.api("POST", "/api/recall", file);
    await studio.parts.create.fill(answer.request ?? answer);
    studio.tell(studio.say("history_restored"));
}

takers.history = (files) => restore(files[0]);

document.addEventListener("studio:tab", () => {
    if (studio.tab !== "history" || !root()) return;
    if (cards().length) renew();
    else find();
});
document.addEventListener("studio:jobs", () => {
    if (studio.tab === "history") renew();
});

whenThere("history", () => {
    if (studio.tab === "history") find();
});
