// Many pictures at once: which of them are selected, with the keyboard, with clicks, and with a finger.

export class Tiles {
    // `changed` is told how many are selected.
    constructor(list, changed) {
        this.list = list;
        this.changed = changed;
        this.last = null; // the tile that was selected last
        list.addEventListener("click", (event) => this.click(event));
        list.addEventListener("change", (event) => {
            const tile = event.target.closest(".tile");
            if (tile && event.target.type === "checkbox") this.mark(tile, event.target.checked);
        });
        list.addEventListener("keydown", (event) => this.key(event));
    }

    get all() {
        return [...this.list.querySelectorAll(".tile")];
    }

    get selected() {
        return this.all.filter((tile) => tile.querySelector(".tick input").checked);
    }

    // The tile that has the focus, or the first.
    get here() {
        return document.activeElement?.closest?.(".tile") ?? null;
    }

    // The selected ones, or the one that has the focus.
    get meant() {
        const selected = this.selected;
        return selected.length ? selected : [this.here].filter(Boolean);
    }

    mark(tile, on) {
        tile.querySelector(".tick input").checked = on;
        this.last = tile;
        this.changed(this.selected.length);
    }

    toggle(tile = this.here) {
        if (tile) this.mark(tile, !tile.querySelector(".tick input").checked);
    }

    every(on) {
        for (const tile of this.all) tile.querySelector(".tick input").checked = on;
        this.changed(this.selected.length);
    }

    focus(tile) {
        tile?.querySelector("a").focus();
        tile?.scrollIntoView({ block: "nearest" });
    }

    step(by) {
        const all = this.all;
        const at = all.indexOf(this.here);
        this.focus(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
    }

    click(event) {
        const tile = event.target.closest(".tile");
        if (!tile) return;
        if (event.shiftKey) {
            event.preventDefault();
            this.range(tile);
        } else if (event.target.closest("a") && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.toggle(tile);
        }
    }

    range(to) {
        const all = this.all;
        const [from, until] = [all.indexOf(this.last ?? to), all.indexOf(to)].sort((a, b) => a - b);
        for (const tile of all.slice(from, until + 1)) tile.querySelector(".tick input").checked = true;
        this.mark(to, true);
        getSelection()?.removeAllRanges();
    }

    key(event) {
        if (event.target.type === "checkbox" && event.key === " ") return;
        const across = Math.max(1, Math.round(this.list.clientWidth / (this.all[0]?.offsetWidth || 1)));
        const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
        if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        this.step(by);
    }
}
