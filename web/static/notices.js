// What the moderators have decided about one's pictures, at the top of the page; and appeals.

import { element, studio, whenThere } from "./core.js";

let html = null; // the newest that was heard

const root = () => document.getElementById("told");

// A picture may be gone, or there, that is too old for the strip: all looks again.
function show() {
    if (!root() || html === null || root().dataset.html === html) return;
    const first = root().dataset.html === undefined;
    root().dataset.html = html;
    root().replaceChildren(element("template", { innerHTML: html }).content);
    if (first && !html) return;
    document.dispatchEvent(new CustomEvent("studio:reviewed"));
    document.dispatchEvent(new CustomEvent("studio:jobs"));
}

document.addEventListener("studio:told", ({ detail }) => {
    html = detail;
    show();
});

studio.on("notice-seen", async ({ notices }, button) => {
    for (const one of notices.split(" ")) await studio.api("POST", `/api/notices/${one}/seen`);
    button.closest(".told")?.remove();
});

studio.on("appeal", async ({ picture }) => {
    const text = await studio.ask(studio.say("appeal_ask"), { confirm: studio.say("appeal"), input: true });
    if (!text) return;
    await studio.api("POST", `/api/pictures/${picture}/appeal`, { text });
    studio.tell(studio.say("appealed"));
});

whenThere("told", show);
