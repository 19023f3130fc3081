// What every part of the page uses: its texts, our API, the notice, dialogs, tabs, presses.

const TABS = ["create", "mix", "edit", "history"];
const NARROW = matchMedia("(max-width: 800px)");
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

const texts = JSON.parse(document.getElementById("texts").textContent);
const pressed = new Map();

export class Refused extends Error {
    // `code` is the API's own; "away" where nobody answered.
    constructor(message, code, status = 0) {
        super(message);
        this.code = code;
        this.status = status;
    }
}

export const studio = (window.studio = {
    language: document.documentElement.lang || "en",
    parts: {},
    tab: "create",

    say(key, values = {}) {
        return texts[key].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
    },

    // JSON in and out; FormData and Blob go as they are. Says what is wrong, then throws Refused.
    async api(method, path, body, { quiet = false } = {}) {
        try {
            return await call(method, path, body);
        } catch (error) {
            if (!quiet) studio.tell(error.message, { kind: "problem" });
            throw error;
        }
    },

    upload(blob, { mask = false } = {}) {
        return studio.api("POST", mask ? "/api/uploads?mask=1" : "/api/uploads", blob);
    },

    take(picture) {
        return studio.api("POST", "/api/uploads", { picture });
    },

    tell(sentence, { kind = "news", retry = null } = {}) {
        const notice = document.getElementById("notice");
        notice.className = kind;
        notice.setAttribute("role", kind === "problem" ? "alert" : "status");
        notice.replaceChildren(element("span", { textContent: sentence }));
        if (retry) {
            notice.append(element("button", { type: "button", textContent: studio.say("again"), onclick: retry }));
        }
        notice.append(
            element("button", { type: "button", textContent: "×", ariaLabel: studio.say("close"), onclick: studio.quiet }),
        );
        notice.hidden = false;
        clearTimeout(studio.hiding);
        if (kind === "news") studio.hiding = setTimeout(studio.quiet, 6000);
    },

    quiet() {
        document.getElementById("notice").hidden = true;
    },

    // A question in a dialog: what was written for `input`, else true; false for no.
    ask(sentence, { confirm, input = false, value = "", danger = false } = {}) {
        const field = element("textarea", { rows: 3, maxLength: 1000, value, ariaLabel: sentence, required: true });
        const yes = element("button", { value: "yes", textContent: confirm, className: danger ? "danger" : "yes" });
        const no = element("button", { value: "", textContent: studio.say("cancel"), formNoValidate: true });
        const form = element("form", { method: "dialog" });
        form.append(element("p", { textContent: sentence }), ...(input ? [field] : []), yes, no);
        const dialog = element("dialog", { className: "ask" });
        dialog.append(form);
        document.body.append(dialog);
        dialog.showModal();
        return new Promise((answer) => {
            dialog.addEventListener("close", () => {
                dialog.remove();
                answer(dialog.returnValue === "yes" && (input ? field.value.trim() : true));
            });
        });
    },

    go(tab) {
        if (location.hash !== `#${tab}`) history.replaceState(null, "", `#${tab}`);
        if (tab !== studio.tab && document.getElementById("notice")?.className === "problem" && !studio.away) studio.quiet();
        studio.tab = tab;
        document.body.dataset.tab = tab;
        for (const link of document.querySelectorAll("#tabs a")) {
            if (new URL(link.href).hash === `#${tab}`) link.setAttribute("aria-current", "page");
            else link.removeAttribute("aria-current");
        }
        document.dispatchEvent(new CustomEvent("studio:tab", { detail: tab }));
    },

    // What Draw is to make, and a key: two clicks within a second on the same form are one request.
    async task(...fields) {
        let task;
        try {
            task = JSON.stringify((await studio.parts[studio.tab]?.task?.()) ?? { tab: studio.tab });
        } catch {
            task = JSON.stringify({ tab: studio.tab, failed: true });
        }
        const form = task + JSON.stringify(fields);
        if (form !== studio.form || Date.now() - studio.clicked > 1000) {
            studio.given = key();
            studio.form = form;
            studio.clicked = Date.now();
        }
        return [studio.given, task];
    },

    // Beside Draw stands what is set below it and changes every request.
    summarise(form) {
        const style = document.querySelector(`#style input[value="${CSS.escape(form.style ?? "")}"]`);
        const parts = [
            form.style && style?.closest("label")?.textContent.trim(),
            form.count > 1 && studio.say("summary_pictures", { count: form.count }),
            form.seed && studio.say("summary_seed", { seed: form.seed }),
            form.negative_prompt && `− ${form.negative_prompt}`,
        ];
        const line = document.getElementById("summary");
        if (line) line.textContent = parts.filter(Boolean).join(" · ");
        return form;
    },

    show(id, { narrow = false } = {}) {
        if (narrow && !NARROW.matches) return;
        document.getElementById(id)?.scrollIntoView({ behavior: CALM.matches ? "auto" : "smooth" });
    },

    on(name, action) {
        pressed.set(name, action);
    },

    memory: {
        get(name) {
            try {
                return JSON.parse(localStorage.getItem(`studio-${name}`));
            } catch {
                return null;
            }
        },
        set(name, value) {
            try {
                localStorage.setItem(`studio-${name}`, JSON.stringify(value));
            } catch {
                // full or forbidden: then it is only not remembered
            }
        },
    },
});

export function element(name, properties = {}) {
    return Object.assign(document.createElement(name), properties);
}

export function key() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function call(method, path, body) {
    const options = { method, headers: { "accept-language": studio.language } };
    if (body instanceof FormData || body instanceof Blob) options.body = body;
    else if (body !== undefined) {
        options.body = JSON.stringify(body);
        options.headers["content-type"] = "application/json";
    }
    if (method === "POST" && path === "/api/jobs") options.headers["idempotency-key"] = key();
    const answer = await fetch(path, options).catch(() => {
        throw new Refused(studio.say("away"), "away");
    });
    const told = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (answer.ok) return told;
    const { code, message } = told?.error ?? {};
    throw new Refused(message ?? studio.say("failed"), code, answer.status);
}

function follow() {
    const tab = location.hash.slice(1);
    studio.go(TABS.includes(tab) ? tab : "create");
}

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    const action = button && pressed.get(button.dataset.do);
    if (action) {
        event.preventDefault();
        Promise.resolve(action(button.dataset, button)).catch((error) => {
            if (!(error instanceof Refused)) throw error; // the notice has said the rest
        });
    }
});

document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.target.closest("dialog")) {
        event.preventDefault();
        document.getElementById("draw")?.click();
    }
});

// Gradio builds the page some time after the scripts have come.
export function whenThere(id, act) {
    if (document.getElementById(id)) return void act();
    const watching = new MutationObserver(() => {
        if (!document.getElementById(id)) return;
        watching.disconnect();
        act();
    });
    watching.observe(document.documentElement, { childList: true, subtree: true });
}

addEventListener("hashchange", follow);
follow();
whenThere("tabs", follow);
