// The tab Create: a picture to start from, and an older request put into the form again.

import { element, studio, whenThere } from "./core.js";

let start = studio.memory.get("start"); // {sha256, url} of the picture to start from

const root = () => document.getElementById("start");

function draw() {
    document.body.dataset.task = start ? "picture" : "words";
    const figure = root()?.querySelector("figure");
    if (!figure) return;
    figure.hidden = !start;
    for (const way of root().querySelectorAll(".pick")) way.hidden = Boolean(start);
    if (start) figure.querySelector("img").src = `${start.url}?small=1`;
}

function set(picture) {
    start = picture;
    studio.memory.set("start", picture);
    if (studio.tab === "create") draw();
}

async function send(file) {
    set(await studio.upload(file));
}

const EDITS = { inpaint: "fill", outpaint: "extend", image_to_image: "change" };

studio.parts.create = {
    task: () => ({ tab: "create", picture: start?.sha256 ?? null }),

    // The form as it was for a job of one's own.
    async reuse(job) {
        const { request } = await studio.api("GET", `/api/jobs/${job}`);
        await studio.parts.create.fill(request);
    },

    async fill(request) {
        window.studioTrigger("fill", { request });
        const picture = request.picture && { sha256: request.picture.sha256 };
        if (request.mode === "mix") {
            studio.go("mix");
            studio.parts.mix.fill(request.parts);
        } else if (request.mode in EDITS && picture) {
            studio.go("edit");
            await studio.parts.edit.open(picture, EDITS[request.mode]);
        } else {
            if (request.mode === "text_to_image") set(null);
            studio.go("create");
        }
        studio.show("ask");
    },
};

studio.on("start-remove", () => set(null));
studio.on("start-mine", async () => {
    const picture = await choose(studio.say("start_choose"));
    if (picture) set(await studio.take(picture));
});

document.addEventListener("change", (event) => {
    if (event.target.matches("#start input[type=file]") && event.target.files.length) {
        send(event.target.files[0]).catch(() => {});
        event.target.value = "";
    }
});

document.addEventListener("studio:tab", draw);

// Pictures dropped on or pasted into a part that takes them: it says so by data-drop.
export const takers = { start: (files) => send(files[0]) };

const pictures = (list) => [...(list ?? [])].filter((file) => file.type.startsWith("image/"));

document.addEventListener("dragover", (event) => {
    const taker = event.target.closest?.("[data-drop]");
    if (!taker || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    taker.dataset.over = "";
});

for (const name of ["dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
        event.target.closest?.("[data-drop]")?.removeAttribute("data-over");
    });
}

document.addEventListener("drop", (event) => {
    const taker = event.target.closest?.("[data-drop]");
    const files = pictures(event.dataTransfer?.files);
    if (!taker || files.length === 0) return;
    event.preventDefault();
    takers[taker.dataset.drop]?.(files)?.catch?.(() => {});
});

document.addEventListener("paste", (event) => {
    const files = pictures(event.clipboardData?.files);
    const name = { create: "start", mix: "mix" }[studio.tab];
    if (files.length === 0 || !name) return;
    event.preventDefault();
    takers[name]?.(files)?.catch?.(() => {});
});

// A dialog of one's latest pictures; resolves to a picture's id, or null.
export async function choose(title) {
    const { jobs } = await studio.api("GET", "/api/jobs?limit=50");
    const found = jobs.flatMap((job) => job.pictures);
    const dialog = element("dialog", { className: "choose" });
    const grid = element("div", { className: "grid" });
    for (const one of found) {
        const button = element("button", { value: one.id });
        button.append(element("img", { src: one.thumbnail, alt: "", loading: "lazy" }));
        grid.append(button);
    }
    if (found.length === 0) grid.append(element("p", { textContent: studio.say("none_yet") }));
    const form = element("form", { method: "dialog" });
    form.append(
        element("h2", { textContent: title }),
        grid,
        element("button", { value: "", textContent: studio.say("cancel") }),
    );
    dialog.append(form);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((answer) => {
        dialog.addEventListener("close", () => {
            dialog.remove();
            answer(dialog.returnValue || null);
        });
    });
}

whenThere("start", () => studio.tab === "create" && draw());
