// What one press of a pointer does, from where it goes down to where it leaves: move, end, abandon.

const LIGHTEST = 0.2; // of the brush's size, for a pen that hardly touches

class Stroke {
    constructor(painter, event, erase) {
        this.painter = painter;
        painter.mask.begin(this.point(event), erase);
        painter.overlay.live(painter.mask.stroke);
    }

    point(event) {
        const { view, size, pressure } = this.painter;
        const pressed = pressure && event.pointerType === "pen";
        const share = pressed ? LIGHTEST + (1 - LIGHTEST) * event.pressure : 1;
        return [...view.pixel(event), (size / 2) * share];
    }

    move(event) {
        const { mask, overlay } = this.painter;
        const before = mask.stroke.points.at(-1);
        for (const one of passed(event)) mask.extend(this.point(one));
        const fresh = mask.stroke.points.slice(mask.stroke.points.lastIndexOf(before));
        overlay.live({ ...mask.stroke, points: fresh });
    }

    end() {
        this.painter.mask.end();
    }

    abandon() {
        this.painter.mask.abandon();
    }
}

class Shape {
    constructor(painter, event, erase) {
        this.painter = painter;
        this.erase = erase;
        this.points = [painter.view.pixel(event)];
    }

    move(event) {
        for (const one of passed(event)) this.reach(this.painter.view.pixel(one));
        this.painter.outline(this.corners());
    }

    reach(point) {
        this.points.push(point);
    }

    corners() {
        return this.points;
    }

    end() {
        this.painter.outline([]);
        const points = this.corners();
        if (points.length > 2) this.painter.mask.add({ kind: "shape", erase: this.erase, points });
    }

    abandon() {
        this.painter.outline([]);
    }
}

class Rectangle extends Shape {
    reach(point) {
        this.points[1] = point;
    }

    corners() {
        if (this.points.length < 2) return [];
        const [[left, top], [right, bottom]] = this.points.map((point) => point.map(Math.round));
        return [[left, top], [right, top], [right, bottom], [left, bottom]];
    }
}

export class Hand {
    constructor(painter, event) {
        this.painter = painter;
        this.at = event;
    }

    move(event) {
        this.painter.view.pan(event.clientX - this.at.clientX, event.clientY - this.at.clientY);
        this.at = event;
    }

    end() {}

    abandon() {}
}

export const TOOLS = {
    brush: (painter, event, erase) => new Stroke(painter, event, erase),
    eraser: (painter, event) => new Stroke(painter, event, true),
    rectangle: (painter, event, erase) => new Rectangle(painter, event, erase),
    lasso: (painter, event, erase) => new Shape(painter, event, erase),
};

// A browser gathers the moves between two frames into one event.
function passed(event) {
    const all = event.getCoalescedEvents?.() ?? [];
    return all.length ? all : [event];
}
