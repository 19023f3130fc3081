// What becomes of a mask's edge: widened by some pixels, and how the studio blends it.
//
// Masks are arrays of one byte a pixel, 1 where it is marked.

const FAR = 1e12;

// The mask widened by a disc of that radius.
export function grown(marked, width, height, radius) {
    if (radius < 1) return marked;
    const squared = distances(marked, width, height);
    const wide = new Uint8Array(marked.length);
    for (let i = 0; i < wide.length; i++) wide[i] = squared[i] <= radius * radius ? 1 : 0;
    return wide;
}

// How much of the new picture shows, 0 to 1: it rises over the first `pixels` inside of the mask.
export function blended(marked, width, height, pixels) {
    const kept = marked.map((one) => 1 - one);
    const squared = distances(kept, width, height);
    const share = new Float32Array(marked.length);
    for (let i = 0; i < share.length; i++) {
        const rise = Math.min(1, Math.sqrt(squared[i]) / Math.max(pixels, 1));
        share[i] = marked[i] ? rise * rise * (3 - 2 * rise) : 0;
    }
    return share;
}

// Squared distance to the nearest marked pixel, exactly (Felzenszwalb and Huttenlocher, 2012).
function distances(marked, width, height) {
    const squared = Float64Array.from(marked, (one) => (one ? 0 : FAR));
    const work = new Line(Math.max(width, height));
    for (let x = 0; x < width; x++) work.transform(squared, x, width, height);
    for (let y = 0; y < height; y++) work.transform(squared, y * width, 1, width);
    return squared;
}

class Line {
    constructor(length) {
        this.values = new Float64Array(length);
        this.roots = new Int32Array(length); // of the parabolas that make up the lower envelope
        this.starts = new Float64Array(length + 1); // where each of them begins
    }

    // The `length` values from `first` on, `stride` apart.
    transform(all, first, stride, length) {
        const { values, roots, starts } = this;
        for (let i = 0; i < length; i++) values[i] = all[first + i * stride];
        let last = 0;
        roots[0] = 0;
        starts[0] = -Infinity;
        for (let i = 1; i < length; i++) {
            if (values[i] >= FAR) continue;
            let start = this.crossing(i, roots[last]);
            while (start <= starts[last]) start = this.crossing(i, roots[--last]);
            roots[++last] = i;
            starts[last] = start;
        }
        starts[last + 1] = Infinity;
        for (let i = 0, at = 0; i < length; i++) {
            while (starts[at + 1] < i) at++;
            all[first + i * stride] = Math.min(FAR, (i - roots[at]) ** 2 + values[roots[at]]);
        }
    }

    crossing(i, root) {
        return (this.values[i] + i * i - this.values[root] - root * root) / (2 * (i - root));
    }
}
