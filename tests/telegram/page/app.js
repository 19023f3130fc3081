// The people, their chats, and what changes in them.

import { Composer } from "./composer.js";
import { $, day, dialog, face, h, icon, post, time, toast } from "./dom.js";
import { block } from "./messages.js";
import { paint, view } from "./painter.js";

const ACTIONS = {
  typing: "typing",
  upload_photo: "sending a photo",
  upload_document: "sending a file",
};
const ACTION_LIMIT = 5000; // milliseconds for which an action is shown

const BOT = 1; // for its colour

let people = [];
let bot = { name: "", username: "" };
let person = Number(sessionStorage.getItem("person")) || null;
let chats = new Map(); // id: the chat, with `log`, its messages by id
let current = null;
let events = null;
let blocks = new Map(); // of the chat that is open: an album's or a message's block
let unseen = 0;

const chat = () => chats.get(current);
const composer = new Composer(() => ({ person, chat: chat(), bot }));
const on = {
  reply: (message) => composer.reply(message),
  edit: (message) => composer.edit(message),
  say: (text) => composer.say(text),
  open: (message) => view(message, on),
  remove: (message) => post("delete", { person, chat: current, message: message.id }),
  find,
  press,
  paint: paintOver,
};

function connect() {
  events?.close();
  chats = new Map();
  events = new EventSource(`/page/events?person=${person ?? ""}`);
  events.addEventListener("everyone", (event) => everyone(JSON.parse(event.data)));
  events.addEventListener("chat", (event) => change(JSON.parse(event.data)));
  events.onopen = () => document.body.classList.remove("away");
  events.onerror = () => document.body.classList.add("away");
}

function everyone(told) {
  people = told.people;
  bot = told.bot;
  person = told.you;
  showPeople();
}

function change(told) {
  const known = chats.get(told.id);
  const log = known?.log ?? new Map();
  const fresh = told.messages.filter((message) => !log.has(message.id));
  for (const message of told.messages) log.set(message.id, message);
  chats.set(told.id, { ...told, log, until: Date.now() + ACTION_LIMIT, unread: known?.unread ?? 0 });
  if (current === null || !chats.has(current)) current = told.private ? told.id : current;
  if (told.id !== current && known) chats.get(told.id).unread += fresh.filter((one) => one.sender.id !== person).length;
  if (told.id === current) showChat(told.messages, known === undefined);
  showChats();
  showRules(told.violations);
}

function showPeople() {
  const one = ({ id, name, language }) => {
    const be = () => {
      person = id;
      sessionStorage.setItem("person", id);
      current = null;
      connect();
    };
    const label = h("span", {}, name, h("small", {}, language));
    return h("button", { class: "person", "aria-pressed": String(id === person), onclick: be }, face(h("span", { class: "face" }), name, id), label);
  };
  const add = h("button", { class: "person", "aria-label": "Another person", onclick: addPerson }, h("span", { class: "face add" }, icon("plus")), h("span", {}, "Add"));
  $("people").replaceChildren(...people.map(one), add);
}

function addPerson() {
  const name = h("input", { type: "text", required: true, placeholder: "Name", "aria-label": "Name" });
  const language = h("select", { "aria-label": "Language" }, ...["en", "ru", "de", "fr", "es"].map((code) => h("option", { value: code }, code)));
  const submit = async () => {
    ({ id: person } = await post("person", { name: name.value, language: language.value }));
    sessionStorage.setItem("person", person);
    current = null;
    connect();
  };
  asked("Another person", submit, name, language);
}

function addGroup() {
  const title = h("input", { type: "text", required: true, placeholder: "Title", "aria-label": "Title" });
  const boxes = people.map(({ id, name }) => [id, h("label", {}, h("input", { type: "checkbox", checked: true }), name)]);
  const submit = async () => {
    const chosen = boxes.filter(([, label]) => label.firstChild.checked).map(([id]) => id);
    ({ id: current } = await post("group", { title: title.value, people: chosen }));
  };
  asked("New group with the bot", submit, title, ...boxes.map(([, label]) => label));
}

function asked(title, submit, ...fields) {
  const form = h(
    "form",
    { method: "dialog", onsubmit: submit },
    h("h2", {}, title),
    ...fields,
    h("div", { class: "row" },
      h("button", { type: "button", class: "plain", onclick: () => shown.close() }, "Cancel"),
      h("button", { type: "submit", class: "accent" }, "Add"),
    ),
  );
  const shown = dialog("asking", form);
}

function showChats() {
  const row = (one) => {
    const last = [...one.log.values()].filter((message) => !message.deleted).at(-1);
    const words = last ? last.words || last.document?.name || (last.photo ? "Photo" : "Message") : "Nothing said yet";
    const open = () => {
      current = one.id;
      one.unread = 0;
      document.body.classList.remove("listing");
      showChat([...one.log.values()], true);
      showChats();
    };
    return h(
      "button",
      { class: "entry", "aria-current": one.id === current ? "true" : null, onclick: open },
      face(h("span", { class: "face" }), one.title, one.private ? BOT : one.id),
      h("span", { class: "grow" },
        h("span", { class: "top" }, h("b", {}, one.title), h("small", {}, last ? time(last.date) : "")),
        h("span", { class: "top" }, h("span", { class: "last", dir: "auto" }, words), one.unread ? h("i", {}, one.unread) : null),
      ),
    );
  };
  const order = [...chats.values()].sort((a, b) => b.private - a.private || a.id - b.id);
  const add = h("button", { class: "plain", onclick: addGroup }, "New group");
  $("chats").replaceChildren(...order.map(row), add);
}

function showChat(messages, whole) {
  const { title, id, private: alone, blocked, answers } = chat();
  face($("face"), title, alone ? BOT : id);
  $("title").textContent = title;
  $("block").hidden = !alone;
  $("block").textContent = blocked ? "Unblock" : "Block";
  $("composer").classList.toggle("blocked", blocked);
  composer.answers(answers);
  showStatus();
  if (whole) {
    $("log").replaceChildren();
    blocks = new Map();
    unseen = 0;
  }
  const scroll = $("scroll");
  const atEnd = whole || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  for (const message of messages) showMessage(message);
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  else unseen += messages.filter((message) => !message.edited && !message.deleted).length;
  showDown();
}

function showMessage(message) {
  const key = message.album ?? message.id;
  const together = [...chat().log.values()].filter((one) => (one.album ?? one.id) === key && !one.deleted);
  const old = blocks.get(key);
  if (!together.length) {
    old?.remove();
    blocks.delete(key);
    return;
  }
  const shown = block(together, person, !chat().private, on);
  blocks.set(key, shown);
  if (old) return old.replaceWith(shown);
  const today = day(message.date);
  if ($("log").dataset.day !== today || !$("log").childElementCount)
    $("log").append(h("li", { class: "day" }, today));
  $("log").dataset.day = today;
  $("log").append(shown);
}

function showStatus() {
  const { private: alone, members, action, until, blocked } = chat();
  const doing = action && Date.now() < until ? `${ACTIONS[action] ?? action.replaceAll("_", " ")}…` : null;
  $("status").classList.toggle("doing", doing !== null);
  $("status").textContent = doing ?? (blocked ? "blocked" : alone ? "bot" : `${members} members`);
  if (doing) setTimeout(showStatus, until - Date.now() + 50);
}

function showRules(violations) {
  const list = () => dialog("asking", h("h2", {}, "What a correct bot does not do"), h("ul", {}, violations.map((one) => h("li", {}, one))));
  const shown = violations.length
    ? h("button", { class: "plain bad", onclick: list }, `${violations.length} broken rules of Telegram`)
    : h("small", {}, "No rule of Telegram is broken.");
  $("rules").replaceChildren(shown);
}

function showDown() {
  $("down").hidden = unseen === 0;
  $("down").replaceChildren(icon("down"), h("i", {}, unseen));
}

function find(id) {
  const message = chat().log.get(id);
  const shown = blocks.get(message?.album ?? id);
  shown?.scrollIntoView({ block: "center", behavior: "smooth" });
  shown?.classList.add("found");
  setTimeout(() => shown?.classList.remove("found"), 1500);
}

async function press(message, button, element) {
  if (button.switch_inline_query_current_chat !== undefined || button.switch_inline_query !== undefined) {
    $("text").value = `@${bot.username} ${button.switch_inline_query_current_chat ?? button.switch_inline_query}`;
    $("text").focus();
    return composer.typed();
  }
  if (button.copy_text) {
    await navigator.clipboard?.writeText(button.copy_text.text);
    return toast("Copied");
  }
  const link = button.url ?? button.web_app?.url ?? button.login_url?.url;
  if (link) return void window.open(link, "_blank", "noopener");
  element.classList.add("waiting");
  const asking = { person, chat: current, message: message.id, data: button.callback_data };
  const answer = await post("press", asking).finally(() => element.classList.remove("waiting"));
  if (answer === null) toast("The bot did not answer.", "bad");
  else if (answer.alert) alerted(answer.text);
  else if (answer.text) toast(answer.text);
}

function alerted(text) {
  const shown = dialog("asking", h("p", {}, text), h("div", { class: "row" }, h("button", { class: "accent", onclick: () => shown.close() }, "OK")));
}

async function paintOver(message) {
  const painted = await paint(message.photo.path);
  if (!painted) return;
  const where = { person, chat: current, reply_to: painted.reply ? message.id : null };
  await composer.send([painted.file], painted.caption, false, where);
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
}

const kept = localStorage.getItem("theme");
if (kept) document.documentElement.dataset.theme = kept;
$("theme").append(icon("theme"));
$("theme").onclick = theme;
$("back").append(icon("back"));
$("back").onclick = () => document.body.classList.add("listing");
$("block").onclick = () => post("block", { person });
$("down").onclick = () => $("scroll").scrollTo({ top: $("scroll").scrollHeight, behavior: "smooth" });
$("scroll").onscroll = () => {
  const { scrollHeight, scrollTop, clientHeight } = $("scroll");
  if (scrollHeight - scrollTop - clientHeight < 80) unseen = 0;
  showDown();
};
connect();
