// A mask at the picture's own size: what is opaque on its canvas is repainted.
//
// It is a list of steps (strokes, shapes, an uploaded mask …), so that undoing takes no memory.

const OPAQUE = 128; // of 255; softer edges are what drawing leaves, and the studio rounds them too

export class Mask {
    constructor(width, height) {
        this.canvas = new OffscreenCanvas(width, height);
        this.brush = this.canvas.getContext("2d");
        this.steps = [];
        this.undone = [];
        this.stroke = null;
    }

    get width() {
        return this.canvas.width;
    }

    get height() {
        return this.canvas.height;
    }

    // {kind: "stroke", erase, points: [[x, y, radius] …]}, {kind: "shape", erase, points: [[x, y] …]},
    // {kind: "picture", canvas}, {kind: "invert"} or {kind: "clear"}
    add(step) {
        draw(this.brush, step);
        this.steps.push(step);
        this.undone = [];
    }

    // A stroke grows point by point while it is drawn, and is a step once it has ended.
    begin(point, erase) {
        this.stroke = { kind: "stroke", erase, points: [point] };
        draw(this.brush, this.stroke);
    }

    extend(point) {
        const { points, erase } = this.stroke;
        draw(this.brush, { kind: "stroke", erase, points: [points.at(-1), point] });
        points.push(point);
    }

    end() {
        this.steps.push(this.stroke);
        this.undone = [];
        this.stroke = null;
    }

    abandon() {
        this.stroke = null;
        this.redraw();
    }

    undo() {
        if (this.steps.length) this.undone.push(this.steps.pop());
        this.redraw();
    }

    redo() {
        if (!this.undone.length) return;
        this.steps.push(this.undone.pop());
        draw(this.brush, this.steps.at(-1));
    }

    redraw() {
        draw(this.brush, { kind: "clear" });
        const whole = this.steps.findLastIndex(({ kind }) => kind === "clear" || kind === "picture");
        for (const step of this.steps.slice(Math.max(whole, 0))) draw(this.brush, step);
    }

    // 1 for each pixel that is marked, 0 for the others, at that size.
    marked(width = this.width, height = this.height) {
        const small = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
        small.drawImage(this.canvas, 0, 0, width, height);
        const pixels = small.getImageData(0, 0, width, height).data;
        const marked = new Uint8Array(width * height);
        for (let i = 0; i < marked.length; i++) marked[i] = pixels[4 * i + 3] >= OPAQUE ? 1 : 0;
        return marked;
    }
}

// The step that a mask file stands for, as the studio reads one: what is more see-through than not,
// or if nothing is, what is brighter than not.
export function uploaded(bitmap) {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    brush.drawImage(bitmap, 0, 0);
    const image = brush.getImageData(0, 0, canvas.width, canvas.height);
    const levels = image.data;
    let clear = false;
    for (let i = 3; i < levels.length && !clear; i += 4) clear = levels[i] < 255;
    for (let i = 0; i < levels.length; i += 4) {
        const bright = 0.299 * levels[i] + 0.587 * levels[i + 1] + 0.114 * levels[i + 2];
        levels[i + 3] = (clear ? levels[i + 3] < OPAQUE : bright >= OPAQUE) ? 255 : 0;
    }
    brush.putImageData(image, 0, 0);
    return { kind: "picture", canvas };
}

// A PNG file in white on black.
export async function png(marked, width, height) {
    const canvas = new OffscreenCanvas(width, height);
    const brush = canvas.getContext("2d");
    const image = brush.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < marked.length; i++) pixels[i] = marked[i] ? 0xffffffff : 0xff000000;
    brush.putImageData(image, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
}

// Draws in the colour that the brush has.
export function draw(brush, step) {
    const { width, height } = brush.canvas;
    brush.globalCompositeOperation = step.erase ? "destination-out" : "source-over";
    if (step.kind === "clear") brush.clearRect(0, 0, width, height);
    if (step.kind === "stroke") stroke(brush, step.points);
    if (step.kind === "shape") {
        brush.beginPath();
        for (const [x, y] of step.points) brush.lineTo(x, y);
        brush.fill();
    }
    if (step.kind === "picture") {
        brush.clearRect(0, 0, width, height);
        brush.drawImage(step.canvas, 0, 0);
    }
    if (step.kind === "invert") {
        brush.globalCompositeOperation = "source-out"; // stays only where there was nothing
        brush.fillRect(0, 0, width, height);
    }
}

function stroke(brush, points) {
    const [[x, y, radius]] = points;
    brush.lineCap = brush.lineJoin = "round";
    brush.beginPath();
    brush.arc(x, y, radius, 0, 2 * Math.PI); // a line of no length draws nothing
    brush.fill();
    for (let i = 1; i < points.length; i++) {
        const [from, to] = [points[i - 1], points[i]];
        brush.lineWidth = from[2] + to[2];
        brush.beginPath();
        brush.moveTo(from[0], from[1]);
        brush.lineTo(to[0], to[1]);
        brush.stroke();
    }
}
