// The tab Mix: pictures and words, each with a weight.

import { element, studio, whenThere } from "./core.js";
import { choose, takers } from "./create.js";

const LIMIT = 8; // parts
const START = { parts: [{ words: "", weight: 1 }, { words: "", weight: 1 }], normalise: true, sweep: false };
let mix = { ...START, ...studio.memory.get("mix") };

const root = () => document.getElementById("mix");

function keep() {
    studio.memory.set("mix", mix);
}

function draw() {
    const list = root()?.querySelector(".parts");
    if (!list) return;
    list.replaceChildren(...mix.parts.map(row));
    const [normalise, sweep] = [root().querySelector("#mix-normalise"), root().querySelector("#mix-sweep")];
    normalise.checked = mix.normalise;
    sweep.checked = mix.sweep;
    sweep.disabled = mix.parts.length !== 2;
    shares();
}

function row(part, index) {
    const item = element("li");
    item.append(part.sha256 ? image(part) : words(part), weight(part, index), remover(index));
    return item;
}

function image(part) {
    return element("img", { src: `/media/source/${part.sha256}?small=1`, alt: "", loading: "lazy" });
}

function words(part) {
    const box = element("textarea", {
        rows: 2,
        maxLength: 1000,
        value: part.words ?? "",
        placeholder: studio.say("mix_placeholder"),
        ariaLabel: studio.say("mix_words"),
        dir: "auto",
    });
    box.addEventListener("input", () => {
        part.words = box.value;
        keep();
    });
    return box;
}

function weight(part, index) {
    const slider = element("input", { type: "range", min: -2, max: 2, step: 0.05, ariaLabel: studio.say("mix_weight") });
    slider.value = part.weight;
    const label = element("label", { className: "weight" });
    const share = element("output", { className: "share" });
    slider.addEventListener("input", () => {
        part.weight = Number(slider.value);
        shares();
        keep();
    });
    label.append(slider, share);
    label.dataset.index = index;
    return label;
}

function remover(index) {
    const label = studio.say("mix_remove");
    const button = element("button", { type: "button", className: "remove", textContent: "×", title: label, ariaLabel: label });
    button.addEventListener("click", () => {
        mix.parts.splice(index, 1);
        changed();
    });
    return button;
}

// Beside each slider stands what its part counts in the end.
function shares() {
    const total = mix.parts.reduce((sum, part) => sum + Math.abs(part.weight), 0);
    const number = new Intl.NumberFormat(studio.language, { maximumFractionDigits: 2 });
    const percent = new Intl.NumberFormat(studio.language, { style: "percent" });
    for (const label of root().querySelectorAll(".weight")) {
        const { weight } = mix.parts[label.dataset.index];
        const share = mix.normalise && total ? percent.format(weight / total) : number.format(weight);
        label.querySelector("output").textContent = share;
    }
}

function changed() {
    keep();
    draw();
}

function add(part) {
    const blank = mix.parts.findIndex((one) => !one.sha256 && !one.words?.trim());
    if (part.sha256 && blank >= 0) mix.parts[blank] = part;
    else if (mix.parts.length < LIMIT) mix.parts.push(part);
    else return studio.tell(studio.say("mix_full", { limit: LIMIT }), { kind: "problem" });
    changed();
}

async function send(files) {
    for (const file of files) {
        const { sha256 } = await studio.upload(file);
        add({ sha256, weight: 1 });
    }
}

async function pick() {
    const picture = await choose(studio.say("mix_choose"));
    if (picture) await studio.parts.mix.add({ picture });
}

studio.parts.mix = {
    task: () => ({ tab: "mix", ...mix, sweep: mix.sweep && mix.parts.length === 2 }),

    // A picture made here ({picture: id}) or one that was sent ({sha256}).
    async add({ picture, sha256 }) {
        add({ sha256: sha256 ?? (await studio.take(picture)).sha256, weight: 1 });
    },

    fill(parts) {
        mix.parts = parts.map((part) => ({
            words: part.words ?? "",
            sha256: part.picture?.sha256,
            weight: part.weight,
        }));
        mix.normalise = false;
        changed();
    },
};

takers.mix = send;

studio.on("mix-words", () => add({ words: "", weight: 1 }));
studio.on("mix-mine", pick);
studio.on("mix-preset", ({ preset }) => {
    const sent = mix.parts.filter((part) => part.sha256).slice(0, preset === "words" ? 1 : 2);
    const said = mix.parts.find((part) => part.words?.trim()) ?? { words: "", weight: 1 };
    mix.parts = preset === "words" ? [...sent, said] : sent;
    mix.preset = preset;
    changed();
    if (sent.length < (preset === "words" ? 1 : 2)) return pick();
    return null;
});

document.addEventListener("change", (event) => {
    if (event.target.matches("#mix input[type=file]")) {
        send([...event.target.files]).catch(() => {});
        event.target.value = "";
    } else if (event.target.matches("#mix-normalise, #mix-sweep")) {
        mix[event.target.id.slice(4)] = event.target.checked;
        keep();
        shares();
    }
});

document.addEventListener("studio:tab", () => {
    if (studio.tab === "mix") document.body.dataset.task = "mix";
});

whenThere("mix", draw);
