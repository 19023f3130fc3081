// Paints a mask over a picture: with a mouse, fingers, a pen or the keyboard.
//
// One pointer draws, two zoom and move the picture. The tools are in tools.js, zoom in view.js.

import { grown } from "./edges.js";
import { Mask, png } from "./mask.js";
import { Overlay } from "./overlay.js";
import { Hand, TOOLS } from "./tools.js";
import { View } from "./view.js";

const ERASER_END = 32; // of a pen: a bit of PointerEvent.buttons
const WHEEL = 1.0015; // times, for each pixel that a wheel turns
const KEYS_MOVE = 8; // CSS pixels that an arrow key moves; four times as many with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Painter {
    // `changed(share)` is called when the mask has: how much of the picture it marks, 0 to 1.
    constructor(easel, changed) {
        this.easel = easel;
        this.changed = changed;
        this.view = new View(easel, easel.querySelector(".easel-sheet"));
        this.overlay = new Overlay(easel.querySelector("canvas"));
        this.ring = easel.querySelector(".easel-ring");
        this.shape = easel.querySelector("svg");
        Object.assign(this, { tool: "brush", size: 32, widened: 0, pressure: true, grabbing: false, looking: false });
        this.pointers = new Map();
        this.drawing = null;
        this.listen();
    }

    // A fresh mask unless one is given.
    open({ width, height }, mask = new Mask(width, height)) {
        this.mask = mask;
        this.pointers.clear();
        this.drawing = null;
        this.keys = null; // where the keyboard is, in pixels of the picture
        this.overlay.open(mask);
        this.shape.setAttribute("viewBox", `0 0 ${width} ${height}`);
        this.view.open(width, height);
        this.refresh();
    }

    refresh() {
        this.changed(this.overlay.show(this.widened));
    }

    // One of Mask's own changes.
    change(name, ...values) {
        if (this.drawing) return;
        this.mask[name](...values);
        this.refresh();
    }

    // What the studio is to repaint, as a PNG file; null for nothing.
    async file() {
        const { width, height } = this.mask;
        const marked = this.mask.marked();
        if (!marked.includes(1)) return null;
        return png(grown(marked, width, height, this.widened), width, height);
    }

    outline(points) {
        this.shape.firstElementChild.setAttribute("points", points.map((point) => point.join()).join(" "));
    }

    listen() {
        const { easel } = this;
        easel.addEventListener("pointerdown", (event) => this.down(event));
        easel.addEventListener("pointermove", (event) => this.move(event));
        easel.addEventListener("pointerup", (event) => this.up(event));
        easel.addEventListener("pointercancel", (event) => this.up(event, true));
        easel.addEventListener("pointerleave", () => (this.ring.hidden = true));
        easel.addEventListener("contextmenu", (event) => event.preventDefault());
        easel.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
        easel.addEventListener("keydown", (event) => this.key(event));
        easel.addEventListener("keyup", (event) => event.key === " " && this.grab(false));
        easel.addEventListener("blur", () => this.leave());
        new ResizeObserver(() => this.view.place()).observe(easel);
    }

    down(event) {
        if (event.button > 1 && event.button !== 5) return;
        event.preventDefault();
        this.easel.focus({ preventScroll: true });
        this.easel.dataset.pointed = ""; // needs no strong mark of the focus, as the keyboard does
        try {
            this.easel.setPointerCapture(event.pointerId);
        } catch {
            return; // it has left already
        }
        this.pointers.set(event.pointerId, event);
        if (this.pointers.size > 1) return this.drop(true); // two fingers zoom; what one began is off
        const hand = this.grabbing || this.looking || event.button === 1;
        this.drawing = hand ? new Hand(this, event) : this.begin(event);
    }

    begin(event) {
        const erase = event.altKey || Boolean(event.buttons & ERASER_END);
        return TOOLS[this.tool](this, event, erase);
    }

    move(event) {
        this.follow(event);
        if (!this.pointers.has(event.pointerId)) return;
        if (this.pointers.size === 2) this.pinch(event);
        else if (this.pointers.size === 1) this.drawing?.move(event);
        this.pointers.set(event.pointerId, event);
    }

    up(event, lost = false) {
        if (!this.pointers.delete(event.pointerId)) return;
        this.drop(lost);
    }

    drop(abandoned) {
        const drawn = this.drawing;
        if (!drawn) return;
        this.drawing = null;
        abandoned ? drawn.abandon() : drawn.end();
        if (!(drawn instanceof Hand)) this.refresh();
    }

    pinch(event) {
        const other = [...this.pointers.values()].find((one) => one.pointerId !== event.pointerId);
        const [was, is] = [between(this.pointers.get(event.pointerId), other), between(event, other)];
        this.view.pan(is.x - was.x, is.y - was.y);
        this.view.magnify(is.apart / Math.max(was.apart, 1), is);
    }

    // Alone it zooms only where somebody is at work, else the page could not be scrolled past.
    wheel(event) {
        if (!event.ctrlKey && document.activeElement !== this.easel) return;
        event.preventDefault();
        const turned = event.deltaY * (event.deltaMode ? 16 : 1) * (event.ctrlKey ? 4 : 1);
        this.view.magnify(WHEEL ** -turned, { x: event.clientX, y: event.clientY });
        this.follow(event);
    }

    // The arrows move, Enter puts the tool down and lifts it, Space held moves the picture.
    key(event) {
        delete this.easel.dataset.pointed;
        if (event.ctrlKey || event.metaKey) return;
        const arrow = ARROWS[event.key];
        if (arrow) this.step(arrow, event);
        else if (event.key === "Enter") this.press();
        else if (event.key === " ") this.grab(true);
        else if (event.key === "Escape" && this.drawing) this.drop(true);
        else return;
        event.preventDefault();
        event.stopPropagation();
    }

    step([right, down], { shiftKey }) {
        const far = (KEYS_MOVE * (shiftKey ? 4 : 1)) / this.view.scale;
        const { width, height } = this.mask;
        const [x, y] = this.keys ?? [width / 2, height / 2];
        this.keys = [clamp(x + right * far, width), clamp(y + down * far, height)];
        this.drawing?.move(this.pointer());
        this.follow(this.pointer());
    }

    press() {
        if (this.pointers.size || this.looking) return;
        this.keys ??= [this.mask.width / 2, this.mask.height / 2];
        if (this.drawing) this.drop(false);
        else this.drawing = this.begin(this.pointer());
        this.follow(this.pointer());
    }

    leave() {
        this.grab(false);
        this.ring.hidden = true;
        if (!this.pointers.size) this.drop(false);
    }

    // What a pointer would say that is where the keyboard is.
    pointer() {
        const { left, top } = this.view.sheet.getBoundingClientRect();
        const [x, y] = this.keys.map((one) => one * this.view.scale);
        return { clientX: left + x, clientY: top + y, pointerType: "keyboard" };
    }

    grab(whether) {
        this.grabbing = whether;
        this.easel.toggleAttribute("data-grab", whether);
    }

    follow({ clientX, clientY, pointerType }) {
        const { left, top } = this.easel.getBoundingClientRect();
        const brush = this.tool === "brush" || this.tool === "eraser";
        const across = brush ? this.size * this.view.scale : 9;
        const unseen = pointerType === "touch" || (!brush && pointerType !== "keyboard");
        this.ring.hidden = unseen || this.grabbing || this.looking;
        this.ring.style.width = this.ring.style.height = `${across}px`;
        this.ring.style.transform = `translate(${clientX - left - across / 2}px, ${clientY - top - across / 2}px)`;
        if (pointerType === "pen") this.easel.dispatchEvent(new CustomEvent("painter:pen", { bubbles: true }));
    }
}

function between(one, other) {
    const [wide, high] = [one.clientX - other.clientX, one.clientY - other.clientY];
    return {
        x: (one.clientX + other.clientX) / 2,
        y: (one.clientY + other.clientY) / 2,
        apart: Math.hypot(wide, high),
    };
}

function clamp(value, most) {
    return Math.min(Math.max(value, 0), most);
}
