// What every page of the review console uses: its texts, calls, the notice, keys, and how pictures are shown.

const texts = JSON.parse(document.getElementById("texts").textContent);
const actions = new Map();
const keys = new Map();
const language = document.documentElement.lang;
const TAP = 250; // milliseconds; a key pressed for longer is held
const NEWS = 6000; // milliseconds that news stay in sight

export class Refused extends Error {
    // `code` is the console's own; "away" where nobody answered.
    constructor(message, code, status = 0) {
        super(message);
        this.code = code;
        this.status = status;
    }
}

export function say(key, values = {}) {
    return texts[key].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

export function element(name, properties = {}) {
    return Object.assign(document.createElement(name), properties);
}

// JSON in and out. Throws Refused, and leads to the door where the session has ended.
export async function api(path, body = {}) {
    const options = {
        method: "POST",
        headers: { "accept-language": language, "content-type": "application/json" },
        body: JSON.stringify(body),
        keepalive: true, // what was decided arrives also when the page is left
    };
    const answer = await fetch(`/moderation/api/${path}`, options).catch(() => {
        throw new Refused(say("away"), "away");
    });
    const told = await answer.json().catch(() => null);
    if (answer.ok) return told;
    const { code, message } = told?.error ?? {};
    throw new Refused(message ?? say("failed"), code ?? "failed", answer.status);
}

export function announce(sentence) {
    document.getElementById("status").textContent = sentence;
}

let hiding = null;

export function tell(sentence, { kind = "news", act = null, name = "" } = {}) {
    const notice = document.getElementById("notice");
    notice.className = kind;
    notice.setAttribute("role", kind === "problem" ? "alert" : "status");
    notice.replaceChildren(element("span", { textContent: sentence }));
    if (act) {
        const retry = () => {
            quiet();
            act();
        };
        notice.append(element("button", { type: "button", textContent: name || say("again"), onclick: retry }));
    }
    notice.append(element("button", { type: "button", textContent: "×", ariaLabel: say("close"), onclick: quiet }));
    notice.hidden = false;
    clearTimeout(hiding);
    if (kind === "news") hiding = setTimeout(quiet, NEWS);
}

export function quiet() {
    document.getElementById("notice").hidden = true;
}

// What went wrong, with a way to the door where it is that the session has ended.
export function trouble(error, act = null) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return tell(error.message, { kind: "problem", act: door, name: say("sign_in") });
    return tell(error.message, { kind: "problem", act });
}

function door() {
    location.assign(`/moderation/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

export const memory = {
    get(name) {
        try {
            return JSON.parse(localStorage.getItem(`moderation-${name}`));
        } catch {
            return null;
        }
    },
    set(name, value) {
        try {
            localStorage.setItem(`moderation-${name}`, JSON.stringify(value));
        } catch {
            // full or forbidden: then it is only not remembered
        }
    },
};

// Presses and keys

export function on(name, act) {
    actions.set(name, act);
}

// A key that does what its button does, where nobody is writing.
export function bind(key, name) {
    keys.set(key, name);
}

export function perform(name, ...given) {
    return Promise.resolve(actions.get(name)?.(...given)).catch((error) => trouble(error));
}

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button || !actions.has(button.dataset.do)) return;
    event.preventDefault();
    perform(button.dataset.do, button.dataset);
});

// The Latin letter of a key, as "KeyA": that which is typed, else that which is at this place.
function letter({ key, code }) {
    if (/^[a-z]$/i.test(key)) return `Key${key.toUpperCase()}`;
    return code.startsWith("Key") ? code : null;
}

const writing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (writing(event.target) || document.querySelector("dialog[open]")) return;
    const name = keys.get(letter(event) ?? event.key);
    if (!name) return;
    event.preventDefault();
    perform(name, {});
});

for (const sheet of document.querySelectorAll("dialog")) {
    sheet.addEventListener("click", (event) => {
        if (event.target === sheet || event.target.closest("[data-close]")) sheet.close("");
    });
}

on("help", () => document.getElementById("help")?.showModal());
bind("?", "help");

// Seeing: a picture is blurred until somebody asks, and is fetched large only then.

const looks = () => document.querySelector(".look");

export function see(shown, look = looks()) {
    if (!look) return;
    const bare = look.querySelector(".bare");
    if (shown && !bare.getAttribute("src")) {
        bare.addEventListener("load", () => reveal(look), { once: true });
        bare.addEventListener("error", () => fail(look, bare), { once: true });
        look.dataset.loading = "";
        bare.src = `/moderation/media/${look.dataset.picture}`;
    }
    look.toggleAttribute("data-wanted", shown);
    reveal(look);
}

function reveal(look) {
    const bare = look.querySelector(".bare");
    const shown = look.hasAttribute("data-wanted") && bare.complete && bare.naturalWidth > 0;
    if (bare.complete && bare.naturalWidth) delete look.dataset.loading;
    bare.hidden = !shown;
    look.querySelector(".veil").hidden = shown;
    look.querySelector("figcaption").textContent = say(shown ? "shown" : "blurred");
    look.toggleAttribute("data-shown", shown);
    for (const button of document.querySelectorAll("[data-do=see]")) {
        button.setAttribute("aria-pressed", String(look.hasAttribute("data-wanted")));
    }
}

function fail(look, bare) {
    bare.removeAttribute("src");
    delete look.dataset.loading;
    see(false, look);
    tell(say("picture_gone"), { kind: "problem" });
}

on("see", () => see(!looks()?.hasAttribute("data-wanted")));

let pressed = null; // the key that shows the picture, since when, and whether it was shown before

document.addEventListener("keydown", (event) => {
    const space = event.code === "Space" && !event.target.closest?.("a, button, input, summary, select, textarea");
    if (!(space || letter(event) === "KeyU") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (writing(event.target) || document.querySelector("dialog[open]") || !looks()) return;
    event.preventDefault();
    if (event.repeat || pressed) return;
    pressed = { code: event.code, holds: space, since: Date.now(), before: looks().hasAttribute("data-wanted") };
    see(true);
});

document.addEventListener("keyup", (event) => {
    if (!pressed || event.code !== pressed.code) return;
    const tapped = !pressed.holds && Date.now() - pressed.since < TAP;
    see(tapped && !pressed.before);
    pressed = null;
});

addEventListener("blur", () => {
    if (pressed) see(false);
    pressed = null;
});

// Greyscale and blur, as this browser remembers them.

const CLEAR = "&clear=1";

function dress() {
    document.documentElement.toggleAttribute("data-grey", memory.get("grey") === true);
    document.documentElement.toggleAttribute("data-bare", !veiled());
    lift(document);
}

export const veiled = () => memory.get("veiled") !== false;

// Small pictures come blurred; where nothing is to be blurred they are fetched clear, which is written down.
export function lift(root) {
    for (const one of root.querySelectorAll("img.veil")) {
        if (one.closest(".look")) continue;
        const address = one.getAttribute("src");
        const wanted = address.replace(CLEAR, "") + (veiled() ? "" : CLEAR);
        if (wanted !== address) one.setAttribute("src", wanted);
    }
}

for (const box of document.querySelectorAll(".looks input")) {
    const kept = memory.get(box.name);
    if (kept !== null) box.checked = kept;
    box.addEventListener("change", () => {
        memory.set(box.name, box.checked);
        dress();
        if (box.name === "veiled") see(!box.checked);
    });
}
dress();

// Times where the browser is

export function local(root) {
    for (const time of root.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString(language);
    return root;
}

local(document);
for (const link of document.querySelectorAll("nav [aria-current=page]")) {
    const row = link.parentElement;
    row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
}
if (!veiled()) see(true);

// A form whose choices act at once needs no button.
document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-at-once]")) event.target.form.requestSubmit();
});

document.querySelector("[role=alert]:not([hidden])")?.scrollIntoView?.({ block: "nearest" });
