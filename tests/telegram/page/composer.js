// Where people write: text, commands, replies, pictures and files, inline mode.

import { $, dialog, h, icon, post } from "./dom.js";

const PAUSE = 300; // milliseconds without a key until inline mode asks

/** `now` gives the person, the chat and the bot's name of this moment. */
export class Composer {
  constructor(now) {
    this.now = now;
    this.about = null; // what is replied to or edited: {kind, message}
    this.asked = 0;
    $("say").append(icon("send"));
    $("attach").append(icon("clip"));
    $("attach").onclick = () => $("files").click();
    $("files").onchange = () => this.attach([...$("files").files]);
    $("commands").onclick = () => this.commands();
    $("composer").onsubmit = (event) => (event.preventDefault(), this.submit());
    $("text").oninput = () => this.typed();
    $("text").onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.submit(event.preventDefault());
      if (event.key === "Escape") this.clear();
    };
    $("text").onpaste = (event) => {
      const files = [...event.clipboardData.files];
      if (files.length) this.attach(files, event.preventDefault());
    };
    const room = $("chat");
    room.ondragover = (event) => event.preventDefault();
    room.ondrop = (event) => (event.preventDefault(), this.attach([...event.dataTransfer.files]));
  }

  where() {
    const { person, chat } = this.now();
    const reply_to = this.about?.kind === "reply" ? this.about.message.id : null;
    return { person, chat: chat.id, reply_to };
  }

  async submit() {
    const text = $("text").value.trim();
    if (!text || this.inlineQuery() !== null) return;
    const editing = this.about?.kind === "edit" ? this.about.message : null;
    const where = this.where();
    this.clear();
    if (editing) await post("edit", { ...where, message: editing.id, text });
    else await post("say", { ...where, text });
  }

  say(text) {
    return post("say", { ...this.where(), text });
  }

  reply(message) {
    this.set({ kind: "reply", message });
  }

  edit(message) {
    this.set({ kind: "edit", message });
    $("text").value = message.words;
    this.grow();
  }

  set(about) {
    this.about = about;
    const { kind, message } = about;
    const title = kind === "edit" ? "Edit message" : `Reply to ${message.sender.name}`;
    const what = message.words || message.document?.name || (message.photo ? "Photo" : "Message");
    $("about").replaceChildren(
      icon(kind === "edit" ? "edit" : "reply"),
      message.photo ? h("img", { src: `/page/file/${message.photo.path}`, alt: "" }) : "",
      h("span", { class: "grow" }, h("b", {}, title), h("span", { dir: "auto" }, what)),
      h("button", { class: "icon", type: "button", "aria-label": "Cancel", onclick: () => this.clear() }, icon("close")),
    );
    $("about").hidden = false;
    $("text").focus();
  }

  clear() {
    this.about = null;
    $("text").value = "";
    $("about").hidden = true;
    $("above").replaceChildren();
    this.grow();
  }

  grow() {
    const text = $("text");
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 160)}px`;
    $("say").classList.toggle("ready", text.value.trim() !== "");
  }

  typed() {
    this.grow();
    const text = $("text").value;
    if (/^\/\w*$/.test(text)) this.commands(text.slice(1));
    else if (this.inlineQuery() !== null) this.ask(this.inlineQuery());
    else $("above").replaceChildren();
  }

  commands(begin = "") {
    const menu = Object.entries(this.now().chat.menu).filter(([name]) => name.startsWith(begin));
    const open = $("above").querySelector(".menu") && begin === "" && $("text").value === "";
    if (open) return $("above").replaceChildren();
    const rows = menu.map(([name, description]) =>
      h("button", { type: "button", onclick: () => (this.clear(), this.say(`/${name}`)) }, h("b", {}, `/${name}`), h("span", {}, description)),
    );
    if (!rows.length) rows.push(h("p", {}, "The bot offers no commands here."));
    $("above").replaceChildren(h("div", { class: "menu" }, rows));
  }

  /** What follows the bot's name at the beginning, or null. */
  inlineQuery() {
    const found = $("text").value.match(/^@(\w+) ([^]*)$/);
    return found && found[1].toLowerCase() === this.now().bot.username.toLowerCase() ? found[2] : null;
  }

  async ask(query) {
    const number = ++this.asked;
    await new Promise((done) => setTimeout(done, PAUSE));
    if (number !== this.asked) return;
    $("above").replaceChildren(h("div", { class: "results" }, h("p", {}, "Asking…")));
    const answer = await post("inline", { ...this.where(), query });
    if (number !== this.asked || this.inlineQuery() !== query) return;
    const none = answer === null ? "The bot does not answer." : "Nothing found.";
    const offers = answer?.results ?? [];
    const choose = (offer) => {
      const where = this.where();
      this.clear();
      post("choose", { ...where, query, result: offer.result });
    };
    const button = answer?.button?.start_parameter
      ? h("button", { type: "button", class: "start", onclick: () => (this.clear(), this.say(`/start ${answer.button.start_parameter}`)) }, answer.button.text)
      : null;
    const shown = offers.map((offer) =>
      h(
        "button",
        { type: "button", class: "offer", onclick: () => choose(offer) },
        offer.path ? h("img", { src: `/page/file/${offer.path}`, alt: offer.title || "Photo" }) : null,
        offer.path && !offer.title ? null : h("span", {}, h("b", { dir: "auto" }, offer.title || "Result"), h("span", { dir: "auto" }, offer.description)),
      ),
    );
    const pictured = offers.length && offers.every((offer) => offer.path && !offer.title);
    $("above").replaceChildren(
      h("div", { class: pictured ? "results tiles" : "results" }, button, shown.length ? shown : h("p", {}, none)),
    );
  }

  attach(files) {
    $("files").value = "";
    if (!files.length) return;
    const where = this.where();
    const caption = h("input", { type: "text", placeholder: "Add a caption…", "aria-label": "Caption", value: $("text").value });
    const pictures = files.every((file) => file.type.startsWith("image/")) && files.length <= 10;
    const asFiles = h("input", { type: "checkbox", checked: !pictures, disabled: !pictures });
    const urls = files.map((file) => URL.createObjectURL(file));
    const previews = files.map((file, at) =>
      file.type.startsWith("image/") ? h("img", { src: urls[at], alt: file.name }) : h("p", { class: "file" }, icon("file"), file.name),
    );
    const form = h(
      "form",
      { method: "dialog", onsubmit: () => this.send(files, caption.value, asFiles.checked, where) },
      h("h2", {}, files.length > 1 ? `Send ${files.length} files` : "Send one file"),
      h("div", { class: "previews" }, previews),
      caption,
      h("label", {}, asFiles, "Send as files, unchanged"),
      h("div", { class: "row" },
        h("button", { type: "button", class: "plain", onclick: () => shown.close() }, "Cancel"),
        h("button", { type: "submit", class: "accent" }, "Send"),
      ),
    );
    const shown = dialog("sending", form);
    shown.addEventListener("close", () => urls.forEach((url) => URL.revokeObjectURL(url)));
    caption.focus();
  }

  async send(files, caption, as_files, where) {
    this.clear();
    const form = new FormData();
    form.append("about", JSON.stringify({ ...where, caption, as_files }));
    for (const file of files) form.append("file", file, file.name);
    await post("send", form);
  }

  /** The keyboard under the input that the bot has asked for. */
  answers(answers) {
    const rows = answers?.keyboard ?? [];
    $("answers").hidden = !rows.length;
    $("answers").replaceChildren(
      ...rows.map((row) =>
        h("div", { class: "keys" }, row.map((button) => h("button", { type: "button", class: "key", onclick: () => this.say(button.text) }, button.text))),
      ),
    );
    $("text").placeholder = answers?.input_field_placeholder ?? "Message";
  }
}
