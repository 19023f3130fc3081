// "Extend": shapes and margins, and the frame that shows them around the picture.

import { studio } from "./core.js";
import { Frame, LONGEST, SIDES, fits } from "./frame.js";

export class Extend {
    // `kept` is what the browser remembers of the tab, `keep()` writes it down.
    constructor(root, kept, keep) {
        Object.assign(this, { root, kept, keep });
        this.shapes = [...root.querySelectorAll("[data-aspect]")].map((button) => button.dataset.aspect);
        this.frame = new Frame(root.querySelector(".framer"), () => this.changed());
    }

    // As the browser remembers it for this very picture, else with the first shape that it has not.
    open({ sha256, width, height }) {
        this.sha256 = sha256;
        const kept = this.kept.frame?.sha256 === sha256 ? this.kept.frame : null;
        const wide = ["16:9", ...this.shapes].find((aspect) => fits(width, height, aspect));
        this.frame.open(width, height, kept ?? { aspect: wide });
    }

    task() {
        return this.frame.task;
    }

    act(name, control) {
        if (name === "aspect") this.frame.shape(control.dataset.aspect);
        if (name === "unframed") this.frame.clear();
    }

    set(input) {
        const given = this.frame.stretch(input.dataset.side, Number(input.value));
        input.value = this.frame.margins[input.dataset.side];
        if (!given) studio.tell(studio.say("edit_frame_full", { limit: LONGEST }), { kind: "problem" });
    }

    changed() {
        const { root, frame } = this;
        const [width, height] = frame.size;
        for (const side of SIDES) {
            const pixels = frame.margins[side];
            const handle = root.querySelector(`.handle[data-side=${side}]`);
            handle.setAttribute("aria-valuenow", pixels);
            handle.setAttribute("aria-valuetext", studio.say("edit_pixels", { pixels }));
            const input = root.querySelector(`input[data-side=${side}]`);
            if (input !== document.activeElement) input.value = pixels;
        }
        for (const button of root.querySelectorAll("[data-aspect]")) {
            button.setAttribute("aria-pressed", String(button.dataset.aspect === frame.aspect));
            button.disabled = !fits(frame.width, frame.height, button.dataset.aspect);
        }
        root.querySelector(".framed").textContent = studio.say("edit_frame", { width, height, limit: LONGEST });
        this.kept.frame = { sha256: this.sha256, aspect: frame.aspect, margins: frame.margins };
        this.keep();
    }
}
