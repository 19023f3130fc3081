// The page's own script: one key a click, the hotkey, and watching a running job again.
"use strict";

const studio = {
    // Two clicks within a second on the same form carry the same key, so they are one request.
    key(fields) {
        const form = JSON.stringify(fields);
        if (form !== this.form || Date.now() - this.clicked > 1000) {
            const bytes = crypto.getRandomValues(new Uint8Array(16));
            this.given = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
            this.form = form;
            this.clicked = Date.now();
        }
        if (matchMedia("(max-width: 800px)").matches) this.show("stage");
        return this.given;
    },

    show(id) {
        const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
        document.getElementById(id)?.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
    },
};
window.studio = studio;

document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        document.getElementById("draw")?.click();
    }
});

// A locked phone, a broken network or a restart of the studio drops the stream of events, and
// nobody tells the page. Each news of a running job carries another data-seen; when that stops
// changing, or when the history does not come at first, the page asks again, and when nobody
// answers, it loads itself anew (the form is kept).
const PATIENCE = 8000; // milliseconds
let seen = null;
let since = Date.now();
let asked = false;

function awaited() {
    if (document.querySelector("#history h2") === null) return "history";
    return document.querySelector("#stage [data-seen]")?.dataset.seen ?? null;
}

function look() {
    const news = awaited();
    if (news === null || news !== seen) {
        seen = news;
        since = Date.now();
        asked = false;
    } else if (!document.hidden && Date.now() - since > PATIENCE) {
        since = Date.now();
        if (asked) reload();
        else document.getElementById("wake")?.click();
        asked = true;
    }
}

async function reload() {
    const answer = await fetch("/healthz").catch(() => null);
    if (answer?.ok) location.reload();
}

setInterval(look, 1000);
