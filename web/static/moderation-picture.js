// Pages with pictures that are decided about by themselves: one large, or those of a search or a person.

import { announce, api, bind, on, quiet, say, tell, trouble } from "./moderation.js";
import { ban, removal } from "./moderation-sheets.js";
import { Tiles } from "./moderation-tiles.js";

const one = document.querySelector("[data-story]");
const list = document.querySelector("ul.tiles");
const selection = document.querySelector(".selection");
const tiles = list && new Tiles(list, count);

function count(number) {
    if (selection) selection.querySelector(".count").textContent = say("selected", { n: number, all: tiles.all.length });
    for (const button of document.querySelectorAll("#deciding [data-do=approve], #deciding [data-do=remove]")) {
        button.setAttribute("aria-disabled", String(!one && number === 0));
    }
}

if (tiles) count(0);

const meant = () => (one ? [one] : tiles ? tiles.meant : []);

// The badge of a tile says at once what was decided, and again what was before if that is refused.
function badge(tile, review) {
    tile.dataset.review = review;
    let sign = tile.querySelector(".state");
    if (!sign) {
        sign = document.createElement("span");
        sign.className = "state";
        tile.append(sign);
    }
    sign.dataset.review = review;
    sign.textContent = say(`review_${review}`);
    sign.hidden = review === "none";
}

async function decide(decision, chosen, { policy = "", reason = "" } = {}) {
    if (!chosen.length) return;
    quiet();
    const before = chosen.map((tile) => tile.dataset.review);
    if (!one) for (const tile of chosen) badge(tile, decision);
    announce(say(decision, { n: chosen.length }));
    try {
        await api("decide", { decision, policy, reason, pictures: chosen.map((tile) => tile.dataset.picture) });
    } catch (error) {
        if (!one) chosen.forEach((tile, index) => badge(tile, before[index]));
        return trouble(error, () => decide(decision, chosen, { policy, reason }));
    }
    if (one) return location.reload();
    tiles.every(false);
    tell(say(decision, { n: chosen.length }));
}

on("approve", () => decide("approved", meant()));
on("remove", async () => {
    const chosen = meant();
    if (!chosen.length) return;
    const told = await removal(say("about", { n: chosen.length }), one?.dataset.policy ?? "");
    if (told) await decide("removed", chosen, told);
});
on("ban", async () => {
    const account = Number(document.querySelector("[data-account]")?.dataset.account);
    if (!account || document.querySelector("[data-do=ban]")?.disabled) return;
    const told = await ban(document.querySelector(".who, .name")?.textContent.trim() ?? "");
    if (!told) return;
    await api("ban", { account, ...told });
    location.reload();
});
on("unban", async () => {
    await api("unban", { account: Number(document.querySelector("[data-account]").dataset.account), reason: "" });
    location.reload();
});
on("undo", async () => {
    await api("undo", { decisions: [] });
    location.reload();
});
on("next", () => tiles?.step(1));
on("before", () => tiles?.step(-1));
on("select", () => tiles?.toggle());
on("all", () => tiles?.every(true));
on("none", () => tiles?.every(false));

for (const [key, name] of Object.entries({
    KeyA: "approve",
    KeyR: "remove",
    KeyB: "ban",
    KeyZ: "undo",
    KeyJ: "next",
    KeyK: "before",
    KeyX: "select",
})) {
    bind(key, name);
}
