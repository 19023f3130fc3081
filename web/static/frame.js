// The frame in which a picture is continued: margins pulled at its edges, or a shape of its own.

export const SIDES = ["left", "top", "right", "bottom"];
export const LONGEST = 4096; // pixels a side (engine/requests.py)
const GRAIN = 8; // pixels: what is pulled is a multiple of that
const SAME = 0.01; // of the picture's area: less is not worth a request (engine/extending.py)
const ROOM = 0.78; // of the box, that the frame takes at rest: the rest is to pull into
const NONE = { left: 0, top: 0, right: 0, bottom: 0 };

export class Frame {
    // `changed()` is called when the margins have.
    constructor(framer, changed) {
        this.framer = framer;
        this.changed = changed;
        this.box = framer.querySelector(".frame");
        this.picture = framer.querySelector("img");
        this.pull = null;
        for (const handle of framer.querySelectorAll(".handle")) this.listen(handle);
        new ResizeObserver(() => this.place()).observe(framer);
    }

    open(width, height, { aspect = null, margins = NONE } = {}) {
        Object.assign(this, { width, height, aspect, margins });
        if (aspect && !fits(width, height, aspect)) this.aspect = null;
        if (this.aspect) this.shape(this.aspect);
        else this.place();
    }

    // The smallest frame of that shape, with the picture in its middle (engine/canvas/windows.py).
    shape(aspect) {
        const [wide, high] = shaped(this.width, this.height, aspect);
        const [left, top] = [Math.round((wide - this.width) / 2), Math.round((high - this.height) / 2)];
        this.margins = { left, top, right: wide - this.width - left, bottom: high - this.height - top };
        this.aspect = aspect;
        this.place();
    }

    // Returns whether there is room for as much.
    stretch(side, pixels) {
        const across = side === "left" || side === "right";
        const [one, other] = across ? ["left", "right"] : ["top", "bottom"];
        const rest = this.margins[side === one ? other : one];
        const room = LONGEST - rest - (across ? this.width : this.height);
        const wished = Math.max(0, Math.round((pixels || 0) / GRAIN) * GRAIN);
        const given = Math.min(wished, Math.max(0, Math.floor(room / GRAIN) * GRAIN));
        this.margins = { ...this.margins, [side]: given };
        this.aspect = null;
        this.place();
        return given === wished;
    }

    clear() {
        Object.assign(this, { aspect: null, margins: NONE });
        this.place();
    }

    get size() {
        const { left, top, right, bottom } = this.margins;
        return [left + this.width + right, top + this.height + bottom];
    }

    // What the server is told.
    get task() {
        return this.aspect ? { aspect: this.aspect } : { margins: this.margins };
    }

    place() {
        if (!this.width || !this.framer.clientWidth) return;
        const [wide, high] = this.size;
        const { clientWidth, clientHeight } = this.framer;
        const scale = this.pull?.scale ?? ROOM * Math.min(clientWidth / wide, clientHeight / high);
        this.scale = scale;
        const [x, y] = this.pull ? this.pull.at(this.margins) : [(clientWidth - wide * scale) / 2, (clientHeight - high * scale) / 2];
        set(this.box, { left: x, top: y, width: wide * scale, height: high * scale });
        const { left, top } = this.margins;
        set(this.picture, { left: left * scale, top: top * scale, width: this.width * scale, height: this.height * scale });
        this.changed();
    }

    listen(handle) {
        const { side } = handle.dataset;
        handle.addEventListener("pointerdown", (event) => {
            event.preventDefault();
            handle.focus({ preventScroll: true });
            handle.setPointerCapture(event.pointerId);
            this.pull = this.begun(side, event);
        });
        handle.addEventListener("pointermove", (event) => {
            if (this.pull) this.stretch(side, this.pull.reached(event));
        });
        for (const end of ["pointerup", "pointercancel"]) {
            handle.addEventListener(end, () => {
                this.pull = null;
                this.place();
            });
        }
        handle.addEventListener("keydown", (event) => this.key(side, event));
    }

    // While an edge is pulled the picture stays where it is, at the same scale.
    begun(side, { clientX, clientY }) {
        const [scale, before] = [this.scale, this.margins];
        const [x, y] = [this.box.offsetLeft, this.box.offsetTop];
        const outward = side === "left" || side === "top" ? -1 : 1;
        const across = side === "left" || side === "right";
        return {
            scale,
            at: ({ left, top }) => [x + (before.left - left) * scale, y + (before.top - top) * scale],
            reached: (event) =>
                before[side] + (outward * (across ? event.clientX - clientX : event.clientY - clientY)) / scale,
        };
    }

    key(side, event) {
        const outward = { left: "ArrowLeft", top: "ArrowUp", right: "ArrowRight", bottom: "ArrowDown" }[side];
        const inward = { left: "ArrowRight", top: "ArrowDown", right: "ArrowLeft", bottom: "ArrowUp" }[side];
        const step = GRAIN * (event.shiftKey ? 8 : 1);
        if (event.key === outward) this.stretch(side, this.margins[side] + step);
        else if (event.key === inward) this.stretch(side, this.margins[side] - step);
        else if (event.key === "Home") this.stretch(side, 0);
        else return;
        event.preventDefault();
    }
}

// Whether a frame of that shape adds something to the picture and is not too large.
export function fits(width, height, aspect) {
    const [wide, high] = shaped(width, height, aspect);
    return Math.max(wide, high) <= LONGEST && wide * high >= width * height * (1 + SAME);
}

function shaped(width, height, aspect) {
    const [wide, high] = aspect.split(":").map(Number);
    return [
        Math.max(width, Math.ceil((height * wide) / high)),
        Math.max(height, Math.ceil((width * high) / wide)),
    ];
}

function set(element, pixels) {
    for (const [name, value] of Object.entries(pixels)) element.style[name] = `${value}px`;
}
