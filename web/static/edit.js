// The tab Edit: a picture of which a part is filled in, which is extended, or changed as a whole.

import "./compare.js";
import { element, studio, whenThere } from "./core.js";
import { takers } from "./create.js";
import { Extend } from "./extend.js";
import { Fill, key } from "./fill.js";

const CHAIN = 30; // accepted pictures that one can go back through
const RECENT = 12; // of one's pictures, to choose from
const START = { kind: "fill", sha256: null, before: [], frame: null, size: 58, soft: null };

const kept = { ...START, ...studio.memory.get("edit") };
const keep = () => studio.memory.set("edit", kept);

let root = null;
let fill = null;
let extend = null;
let opening = 0; // counts, so that only the picture asked for last is shown

function mount() {
    root = document.querySelector(".editor");
    fill = new Fill(root, kept, keep);
    extend = new Extend(root, kept, keep);
    choose(kept.kind);
    const [early] = root.querySelector("[data-edit=file]").files; // chosen before this script woke
    if (early) open(early).catch(() => {});
    else if (kept.sha256) put(kept.sha256).catch(() => {});
    else rest();
}

// Gradio may build its page anew, and this part with it.
function mounted() {
    if (root !== document.querySelector(".editor")) mount();
}

// Shows a picture that the studio has kept. Throws where it has not.
async function put(sha256) {
    const asked = ++opening;
    root.dataset.busy = "";
    const image = new Image();
    image.src = `/media/source/${sha256}`;
    const there = await image.decode().then(
        () => true,
        () => false,
    );
    if (asked !== opening) return;
    delete root.dataset.busy;
    if (!there) return missing(sha256, image.src);
    const picture = { sha256, width: image.naturalWidth, height: image.naturalHeight };
    kept.sha256 = sha256;
    keep();
    show(true);
    root.style.setProperty("--shape", `${picture.width} / ${picture.height}`);
    for (const one of root.querySelectorAll(".easel img, .framer img")) one.src = image.src;
    extend.open(picture);
    await fill.open(picture);
}

// A picture that is gone is forgotten; one that only could not be fetched is asked for again.
async function missing(sha256, address) {
    const answer = await fetch(address).catch(() => null);
    if (answer && answer.status < 500) {
        studio.tell(studio.say("edit_lost"), { kind: "problem" });
        rest();
    } else {
        const retry = () => put(sha256);
        studio.tell(studio.say("away"), { kind: "problem", retry });
    }
}

// Before a picture is chosen.
function rest() {
    opening++;
    Object.assign(kept, { sha256: null, before: [], frame: null });
    keep();
    delete root.dataset.busy;
    show(false);
    widen(false);
    recent();
}

function show(work) {
    root.querySelector(".start").hidden = work;
    root.querySelector(".work").hidden = !work;
    root.querySelector("[data-edit=before]").hidden = kept.before.length === 0;
}

async function open(source, kind = kept.kind) {
    mounted();
    const asked = ++opening;
    root.dataset.busy = "";
    try {
        const { sha256 } = await taken(source);
        if (asked !== opening) return;
        studio.memory.set("edit-mask", null);
        Object.assign(kept, { before: [], frame: null });
        choose(kind);
        await put(sha256);
    } finally {
        if (asked === opening) delete root.dataset.busy;
    }
}

function taken(source) {
    if (source instanceof Blob) return studio.upload(source);
    return source.sha256 ? source : studio.take(source.picture);
}

// What was made of a picture takes its place, and one can go back.
async function accept(picture) {
    const { sha256 } = await studio.take(picture);
    mounted();
    if (kept.sha256) kept.before = [...kept.before, kept.sha256].slice(-CHAIN);
    studio.memory.set("edit-mask", null);
    kept.frame = null;
    studio.go("edit");
    await put(sha256);
    root.scrollIntoView({ block: "nearest" });
    studio.tell(studio.say("edit_accepted"));
}

async function back() {
    const sha256 = kept.before.pop();
    studio.memory.set("edit-mask", null);
    if (sha256) await put(sha256);
}

function choose(wished) {
    const offered = [...root.querySelectorAll("[data-edit=kind]")].map((button) => button.dataset.value);
    const kind = offered.includes(wished) ? wished : (offered[0] ?? wished);
    kept.kind = kind;
    keep();
    root.dataset.kind = kind;
    for (const button of root.querySelectorAll("[data-edit=kind]")) {
        button.setAttribute("aria-pressed", String(button.dataset.value === kind));
    }
    root.querySelector(".framer").hidden = kind !== "extend";
    root.querySelector(".easel").hidden = kind === "extend";
    fill.painter.looking = kind === "change";
    if (studio.tab === "edit") document.body.dataset.task = kind;
}

function widen(wide) {
    root.toggleAttribute("data-wide", wide);
    document.body.toggleAttribute("data-editor-wide", wide);
    root.querySelector("[data-edit=wide]").setAttribute("aria-pressed", String(wide));
}

async function recent() {
    const told = await studio.api("GET", "/api/jobs?limit=24", undefined, { quiet: true }).catch(() => null);
    const found = (told?.jobs ?? []).flatMap((job) => job.pictures.map((one) => ({ ...one, words: job.request.prompt })));
    const box = root.querySelector(".recent");
    box.hidden = found.length === 0;
    box.querySelector("ul").replaceChildren(...found.slice(0, RECENT).map(thumbnail));
}

function thumbnail({ id, thumbnail: address, words }) {
    const button = element("button", { type: "button" });
    Object.assign(button.dataset, { edit: "recent", picture: id });
    button.append(element("img", { src: address, alt: words || studio.say("edit_picture"), loading: "lazy" }));
    const item = element("li");
    item.append(button);
    return item;
}

const ACTIONS = {
    kind: ({ dataset }) => choose(dataset.value),
    wide: () => widen(!root.hasAttribute("data-wide")),
    recent: ({ dataset }) => open({ picture: dataset.picture }),
    another: rest,
    before: back,
    aspect: (button) => extend.act("aspect", button),
    unframed: (button) => extend.act("unframed", button),
};

studio.parts.edit = {
    // {picture: id}, {sha256} or a file. Never with the mask of the picture before.
    open,

    async task() {
        mounted();
        const { kind, sha256 } = kept;
        const task = { tab: "edit", kind, picture: sha256 };
        if (sha256 && kind === "fill") task.mask = await fill.task();
        if (sha256 && kind === "extend") Object.assign(task, extend.task());
        widen(false);
        return task;
    },
};

takers.edit = (files) => open(files[0]);

studio.on("accept", ({ picture }) => accept(picture));

document.addEventListener("click", ({ target }) => {
    const button = target.closest?.(".editor button[data-edit]");
    if (!button) return;
    const name = button.dataset.edit;
    const act = ACTIONS[name] ?? (() => fill.act(name, button));
    Promise.resolve(act(button)).catch(() => {}); // the notice has said why
});

document.addEventListener("input", ({ target }) => {
    if (target.matches?.(".editor input[type=range][data-edit]")) fill.set(target.dataset.edit, target);
});

document.addEventListener("change", ({ target }) => {
    if (!target.matches?.(".editor input[data-edit]:not([type=range])")) return;
    const name = target.dataset.edit;
    if (name === "margin") return extend.set(target);
    if (name === "file" && target.files.length) open(target.files[0]).catch(() => {});
    if (name === "mask" || name === "pressure") fill.set(name, target);
    if (target.type === "file") target.value = "";
});

document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (studio.tab !== "edit" || !file) return;
    event.preventDefault();
    open(file).catch(() => {});
});

// Single keys work only while the editor has the focus: elsewhere they are somebody's words.
document.addEventListener("keydown", (event) => {
    if (studio.tab !== "edit" || !kept.sha256 || event.target.closest("dialog")) return;
    if (event.target.matches("textarea, input:not([type=range], [type=checkbox], [type=file])")) return;
    if (event.ctrlKey || event.metaKey) return shortcut(event);
    if (event.key === "Escape" && root.hasAttribute("data-wide")) return widen(false);
    if (event.altKey || !root.contains(event.target)) return;
    const named = { "+": "closer", "=": "closer", "-": "farther", 0: "whole" }[event.key];
    if (key(event) === "f") ACTIONS.wide();
    else if (kept.kind === "extend") return;
    else if (named) fill.act(named);
    else if (kept.kind !== "fill" || !fill.key(event)) return;
    event.preventDefault();
});

function shortcut(event) {
    const letter = key(event);
    const again = letter === "y" || (letter === "z" && event.shiftKey);
    if (kept.kind !== "fill" || !(again || letter === "z")) return;
    event.preventDefault();
    fill.act(again ? "redo" : "undo");
}

document.addEventListener("focusin", ({ target }) => {
    if (root?.hasAttribute("data-wide") && !root.contains(target)) widen(false);
});

document.addEventListener("studio:tab", () => {
    if (studio.tab !== "edit") return root && widen(false);
    document.body.dataset.task = kept.kind;
    if (root) mounted();
    if (root && !kept.sha256) recent();
});

document.addEventListener("studio:jobs", () => {
    if (root && studio.tab === "edit" && !kept.sha256) recent();
});

whenThere("edit", () => {
    mount();
    if (studio.tab === "edit") document.body.dataset.task = kept.kind;
});
