// The page's own script: one key a click, the hotkey, and attaching again when a phone wakes up.
"use strict";

const studio = {
    // Two clicks within a second carry the same key, so they are one request.
    key() {
        const now = Date.now();
        if (now - (this.clicked ?? 0) > 1000) {
            const bytes = crypto.getRandomValues(new Uint8Array(16));
            this.lastKey = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
            this.clicked = now;
        }
        if (matchMedia("(max-width: 800px)").matches) this.show("stage");
        return this.lastKey;
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

// A locked phone drops the stream of events; on waking, the page asks for it again.
let hiddenSince = null;
document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
        hiddenSince = Date.now();
    } else if (hiddenSince !== null && Date.now() - hiddenSince > 2000) {
        studio.wake();
    }
});
window.addEventListener("online", () => studio.wake());

studio.wake = () => document.getElementById("wake")?.click();
