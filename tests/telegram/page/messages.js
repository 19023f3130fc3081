// What a message looks like. Albums are one block.

import { COLOURS, bytes, h, icon, time } from "./dom.js";

const SAFE = ["http:", "https:", "tg:", "mailto:", "tel:"];
const COMMAND = /(^|\s)(\/[A-Za-z0-9_]{1,32})(?=\s|$|[.,;:!?)])/g;
const WIDEST = 460; // pixels of a photo in the conversation
const HIGHEST = 420;
const pictures = new Map(); // by path, so that an edit does not load them again

/** One block: a message, or the messages of an album. `on` has what can be done with it. */
export function block(messages, me, group, on) {
  const [first] = messages;
  const last = messages[messages.length - 1];
  const own = first.sender.id === me;
  const captioned = messages.find((message) => message.html) ?? first;
  const media = messages.some((message) => message.photo || message.document);
  const words = captioned.html ? body(captioned, on) : null;
  const bubble = h(
    "div",
    { class: `bubble${media ? " media" : ""}`, onclick: (event) => pick(event, last, on) },
    group && !own ? name(first) : null,
    first.via ? h("p", { class: "via" }, `via @${first.via}`) : null,
    first.forwarded ? h("p", { class: "via" }, "Forwarded") : null,
    first.reply ? quote(first.reply, on) : null,
    captioned.above ? words : null,
    media ? shown(messages, on) : null,
    captioned.above ? null : words,
    first.other ? h("p", { class: "kind" }, `[${first.other.replaceAll("_", " ")}]`) : null,
    meta(last, own),
  );
  return h(
    "li",
    { class: own ? "own" : "other", "data-id": last.id },
    h("div", { class: "line" }, bubble, actions(last, own, on)),
    last.reactions.length ? h("div", { class: "reactions" }, last.reactions.join(" ")) : null,
    keyboard(last, on),
  );
}

function pick(event, message, on) {
  const inside = event.target.closest("a, button, tg-spoiler, summary, video");
  if (!inside && !getSelection().toString()) on.reply(message);
}

function name({ sender }) {
  const shown = h("p", { class: "name" }, sender.name);
  shown.style.color = COLOURS[Math.abs(sender.id) % COLOURS.length];
  return shown;
}

function quote(reply, on) {
  return h(
    "button",
    { class: "quote", type: "button", onclick: () => on.find(reply.id) },
    reply.photo ? h("img", { src: `/page/file/${reply.photo}`, alt: "" }) : null,
    h("span", {}, h("b", {}, reply.name), h("span", { dir: "auto" }, reply.words)),
  );
}

function body(message, on) {
  const shown = h("div", { class: "words", dir: "auto" });
  shown.innerHTML = message.html; // written by the emulator from text and entities, escaped
  for (const link of shown.querySelectorAll("a")) {
    if (!SAFE.includes(link.protocol)) link.removeAttribute("href");
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const spoiler of shown.querySelectorAll("tg-spoiler"))
    spoiler.addEventListener("click", () => spoiler.classList.add("seen"));
  const texts = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode())
    if (!texts.currentNode.parentElement.closest("a, code, pre")) found.push(texts.currentNode);
  for (const text of found) commands(text, on);
  return shown;
}

function commands(text, on) {
  const parts = [];
  let at = 0;
  for (const match of text.data.matchAll(COMMAND)) {
    const begin = match.index + match[1].length;
    parts.push(text.data.slice(at, begin));
    const say = () => on.say(match[2]);
    parts.push(h("button", { class: "command", type: "button", onclick: say }, match[2]));
    at = begin + match[2].length;
  }
  if (parts.length) text.replaceWith(...parts, text.data.slice(at));
}

function shown(messages, on) {
  const photos = messages.filter((message) => message.photo);
  const files = messages.filter((message) => message.document);
  const grid = photos.length > 1 ? `grid n${Math.min(photos.length, 4)}` : "grid";
  return h(
    "div",
    {},
    photos.length ? h("div", { class: grid }, photos.map((message) => photo(message, on))) : null,
    files.map(document_),
  );
}

function photo(message, on) {
  const { path, width, height } = message.photo;
  if (!pictures.has(path))
    pictures.set(path, h("img", { src: `/page/file/${path}`, alt: message.words || "Photo" }));
  const image = pictures.get(path);
  image.style.aspectRatio = `${width} / ${height}`;
  image.style.width = `${Math.round(Math.min(width, WIDEST, (width / height) * HIGHEST))}px`;
  const open = (event) => {
    if (button.classList.contains("veiled")) button.classList.remove("veiled");
    else on.open(message);
    event.stopPropagation();
  };
  const button = h(
    "button",
    { class: message.spoiler ? "photo veiled" : "photo", type: "button", onclick: open },
    image,
  );
  return button;
}

function document_({ document }) {
  return h(
    "a",
    { class: "file", href: `/page/file/${document.path}`, download: document.name },
    h("span", { class: "disc" }, icon("file")),
    h("span", {}, h("b", {}, document.name), h("small", {}, bytes(document.size))),
  );
}

function meta(message, own) {
  const edited = message.edited ? "edited " : "";
  return h("span", { class: "meta" }, `${edited}${time(message.date)}`, own ? " ✓" : "");
}

function actions(message, own, on) {
  const act = (title, name, act) =>
    h("button", { class: "icon small", type: "button", title, "aria-label": title, onclick: () => act(message) }, icon(name));
  return h(
    "div",
    { class: "actions" },
    act("Reply", "reply", on.reply),
    message.photo ? act("Paint over", "brush", on.paint) : null,
    own && message.html ? act("Edit", "edit", on.edit) : null,
    act("Delete", "bin", on.remove),
  );
}

function keyboard(message, on) {
  if (!message.keyboard.length) return null;
  const press = (button) => (event) => on.press(message, button, event.currentTarget);
  const rows = message.keyboard.map((row) =>
    h(
      "div",
      { class: "keys" },
      row.map((button) =>
        h(
          "button",
          { type: "button", class: `key ${button.style ?? ""}`, onclick: press(button) },
          h("span", { dir: "auto" }, button.text),
          button.url || button.web_app ? icon("link") : null,
        ),
      ),
    ),
  );
  return h("div", { class: "keyboard" }, rows);
}
