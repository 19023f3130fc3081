// "Fill in": the brush's tools and sliders around the painter, and the mask that is sent.

import { studio } from "./core.js";
import { Mask, png, uploaded } from "./mask.js";
import { Painter } from "./painter.js";

const STEP = 8; // of the slider, that a press of [ or ] changes the size of the brush
const LEAST = 2; // pixels across
const SOFTEST = 64; // pixels
const BLEND = 8; // pixels, over which the studio blends; no need for more at first
const KEPT = 1_500_000; // characters of a mask that a browser still remembers
const CALM = 800; // milliseconds without a change until it does
const KEYS = { b: "brush", e: "eraser", r: "rectangle", l: "lasso" };

export class Fill {
    // `kept` is what the browser remembers of the tab, `keep()` writes it down.
    constructor(root, kept, keep) {
        Object.assign(this, { root, kept, keep, saving: null, sent: null });
        this.painter = new Painter(root.querySelector(".easel"), (share) => this.changed(share));
        this.painter.tool = "brush";
        root.addEventListener("painter:pen", () => (root.querySelector(".pen").hidden = false));
    }

    // The picture with the mask that the browser remembers for it, or without any.
    async open({ sha256, width, height }) {
        this.sha256 = null; // until it is there, a change is no reason to write anything down
        this.longest = Math.max(width, height);
        const soft = this.root.querySelector("[data-edit=soft]");
        soft.max = Math.min(SOFTEST, Math.floor(this.longest / 8));
        this.painter.widened = Math.min(this.kept.soft ?? Math.min(BLEND, Math.round(this.longest / 64)), soft.max);
        const mask = await remembered(sha256, width, height);
        this.painter.open({ width, height }, mask);
        this.sha256 = sha256;
        this.measure();
        this.sync();
    }

    // The mask's hash once it has been sent; null where nothing is marked.
    async task() {
        const file = await this.painter.file();
        if (!file) return null;
        const text = await address(file);
        if (this.sent?.text !== text) this.sent = { text, sha256: (await studio.upload(file, { mask: true })).sha256 };
        return this.sent.sha256;
    }

    act(name, control) {
        const { painter } = this;
        if (name === "tool") painter.tool = control.dataset.tool;
        else if (name === "undo" || name === "redo") painter.change(name);
        else if (name === "invert" || name === "clear") painter.change("add", { kind: name });
        else if (name === "closer") painter.view.magnify(1.5);
        else if (name === "farther") painter.view.magnify(1 / 1.5);
        else if (name === "whole") painter.view.fit();
        this.sync();
    }

    // A slider, a box or a file of the options below the picture.
    set(name, input) {
        if (name === "size") this.kept.size = Number(input.value);
        if (name === "soft") this.kept.soft = this.painter.widened = Number(input.value);
        if (name === "pressure") this.painter.pressure = input.checked;
        if (name === "mask") this.upload(input.files[0]);
        if (name === "soft") this.painter.refresh();
        this.measure();
        this.keep();
    }

    key(event) {
        const letter = key(event);
        if (letter === "[" || letter === "]") this.resize(letter === "]" ? STEP : -STEP);
        else if (KEYS[letter]) this.painter.tool = KEYS[letter];
        else if (letter === "i") this.painter.change("add", { kind: "invert" });
        else return false;
        this.sync();
        return true;
    }

    resize(step) {
        this.kept.size = Math.min(Math.max(this.kept.size + step, 0), 100);
        this.measure();
        this.keep();
    }

    async upload(file) {
        const bitmap = file && (await createImageBitmap(file).catch(() => null));
        if (!bitmap) return studio.tell(studio.say("edit_mask_bad"), { kind: "problem" });
        const { width, height } = this.painter.mask;
        if (bitmap.width !== width || bitmap.height !== height) {
            const sizes = { mask: `${bitmap.width} × ${bitmap.height}`, picture: `${width} × ${height}` };
            return studio.tell(studio.say("edit_mask_size", sizes), { kind: "problem" });
        }
        this.painter.change("add", uploaded(bitmap));
        this.sync();
    }

    // The slider is fine for small brushes and coarse for large ones.
    measure() {
        const widest = Math.max(this.longest / 2, LEAST * 2);
        this.painter.size = Math.round(LEAST * (widest / LEAST) ** (this.kept.size / 100));
        for (const [name, pixels, value] of [
            ["size", this.painter.size, this.kept.size],
            ["soft", this.painter.widened, this.painter.widened],
        ]) {
            const input = this.root.querySelector(`input[data-edit=${name}]`);
            const said = studio.say("edit_pixels", { pixels });
            input.value = value;
            input.setAttribute("aria-valuetext", said);
            this.root.querySelector(`output[data-of=${name}]`).textContent = said;
        }
    }

    changed(share) {
        const percent = new Intl.NumberFormat(studio.language, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 });
        const line = share ? studio.say("edit_share", { share: percent.format(share) }) : studio.say("edit_nothing");
        this.root.querySelector(".share").textContent = line;
        this.sync();
        clearTimeout(this.saving);
        if (this.sha256) this.saving = setTimeout(() => this.remember(), CALM);
    }

    sync() {
        const { root, painter } = this;
        painter.easel.dataset.tool = painter.tool;
        for (const button of root.querySelectorAll("[data-edit=tool]")) {
            button.setAttribute("aria-pressed", String(button.dataset.tool === painter.tool));
        }
        root.querySelector("[data-edit=undo]").disabled = !painter.mask?.steps.length;
        root.querySelector("[data-edit=redo]").disabled = !painter.mask?.undone.length;
    }

    async remember() {
        const { sha256, painter } = this;
        const { width, height } = painter.mask;
        const marked = painter.mask.marked();
        const url = marked.includes(1) ? await address(await png(marked, width, height)) : null;
        if (sha256 !== this.sha256) return; // another picture was opened meanwhile
        studio.memory.set("edit-mask", url && url.length <= KEPT ? { sha256, url } : null);
    }
}

// Which key it is by the letters of English, whatever the keyboard is set to.
export function key({ key, code }) {
    if (key.charCodeAt(0) < 128) return key.toLowerCase();
    return { BracketLeft: "[", BracketRight: "]" }[code] ?? code.replace("Key", "").toLowerCase();
}

async function remembered(sha256, width, height) {
    const mask = new Mask(width, height);
    const kept = studio.memory.get("edit-mask");
    if (kept?.sha256 !== sha256) return mask;
    const image = new Image();
    image.src = kept.url;
    await image.decode().catch(() => null);
    if (image.naturalWidth !== width || image.naturalHeight !== height) return mask;
    mask.add(uploaded(image));
    return mask;
}

function address(blob) {
    return new Promise((done, failed) => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.onerror = () => failed(reader.error);
        reader.readAsDataURL(blob);
    });
}
