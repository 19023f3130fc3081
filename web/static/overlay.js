// Shows a mask over its picture as the studio will take it: widened, and fading where it blends.

import { blended, grown } from "./edges.js";
import { draw } from "./mask.js";

const COLOUR = [255, 20, 100];
const SIDE = 1280; // pixels of the overlay; a larger mask is shown smaller
const BLEND = 8; // pixels of the picture over which the studio blends (engine/canvas/blending.py)
const SEEN = 0.4; // the least that a marked pixel shows, or a thin stroke could not be seen

export class Overlay {
    constructor(canvas) {
        this.canvas = canvas;
        this.brush = canvas.getContext("2d");
    }

    open(mask) {
        this.mask = mask;
        this.scale = Math.min(1, SIDE / Math.max(mask.width, mask.height));
        this.canvas.width = Math.max(1, Math.round(mask.width * this.scale));
        this.canvas.height = Math.max(1, Math.round(mask.height * this.scale));
    }

    // At once, while a stroke is being drawn.
    live(step) {
        this.brush.setTransform(this.scale, 0, 0, this.scale, 0, 0);
        this.brush.fillStyle = this.brush.strokeStyle = `rgb(${COLOUR})`;
        draw(this.brush, step);
    }

    // With the edges. Returns the share of the picture that is marked, 0 to 1.
    show(widened) {
        const { width, height } = this.canvas;
        const marked = grown(this.mask.marked(width, height), width, height, widened * this.scale);
        const share = blended(marked, width, height, BLEND * this.scale);
        const image = this.brush.createImageData(width, height);
        let count = 0;
        for (let i = 0; i < marked.length; i++) {
            if (!marked[i]) continue;
            count++;
            image.data.set(COLOUR, 4 * i);
            image.data[4 * i + 3] = 255 * Math.max(share[i], SEEN);
        }
        this.brush.putImageData(image, 0, 0);
        return count / marked.length;
    }
}
