// Zoom and pan of a sheet within its easel. The sheet is as large as fits at zoom 1.

const CLOSEST = 16; // times as large as fits
const MARGIN = 48; // CSS pixels of the sheet that always stay in sight

export class View {
    constructor(easel, sheet) {
        this.easel = easel;
        this.sheet = sheet;
        this.zoom = 1;
        this.x = this.y = 0; // of the sheet's middle, from the easel's
        this.width = this.height = 1;
    }

    // Shows the whole of a picture of that size in its pixels.
    open(width, height) {
        Object.assign(this, { width, height });
        this.fit();
    }

    fit() {
        Object.assign(this, { zoom: 1, x: 0, y: 0 });
        this.place();
    }

    // CSS pixels that one pixel of the picture takes.
    get scale() {
        const { clientWidth, clientHeight } = this.easel;
        return this.zoom * Math.min(clientWidth / this.width, clientHeight / this.height);
    }

    // Around a point of the window; around the easel's middle without one.
    magnify(factor, at = this.middle) {
        const zoom = Math.min(Math.max(this.zoom * factor, 1), CLOSEST);
        const grown = zoom / this.zoom;
        const [fromX, fromY] = [at.x - this.middle.x, at.y - this.middle.y];
        this.x = fromX + (this.x - fromX) * grown;
        this.y = fromY + (this.y - fromY) * grown;
        this.zoom = zoom;
        this.place();
    }

    pan(right, down) {
        this.x += right;
        this.y += down;
        this.place();
    }

    get middle() {
        const { left, top, width, height } = this.easel.getBoundingClientRect();
        return { x: left + width / 2, y: top + height / 2 };
    }

    // The pixel of the picture at a point of the window, with fractions.
    pixel({ clientX, clientY }) {
        const { left, top, width } = this.sheet.getBoundingClientRect();
        const scale = width / this.width;
        return [(clientX - left) / scale, (clientY - top) / scale];
    }

    place() {
        const [wide, high] = [this.width * this.scale, this.height * this.scale];
        const roomX = Math.max(0, (wide + this.easel.clientWidth) / 2 - MARGIN);
        const roomY = Math.max(0, (high + this.easel.clientHeight) / 2 - MARGIN);
        this.x = this.zoom === 1 ? 0 : Math.min(Math.max(this.x, -roomX), roomX);
        this.y = this.zoom === 1 ? 0 : Math.min(Math.max(this.y, -roomY), roomY);
        Object.assign(this.sheet.style, {
            width: `${wide}px`,
            height: `${high}px`,
            transform: `translate(calc(-50% + ${this.x}px), calc(-50% + ${this.y}px))`,
        });
    }
}
