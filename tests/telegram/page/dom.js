// Small tools: elements, icons, requests, toasts and dialogs.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const PATHS = {
  back: "M15 5l-7 7 7 7",
  down: "M6 9l6 6 6-6",
  clip: "M20 11.5l-8.3 8.3a5.2 5.2 0 0 1-7.4-7.4l8.8-8.8a3.5 3.5 0 0 1 5 5l-8.8 8.7a1.7 1.7 0 0 1-2.4-2.4l7.9-7.9",
  send: "M4 12l16-8-5 16-3.5-6.5zM11.5 13.5L20 4",
  theme: "M12 4v16a8 8 0 0 0 0-16zM12 4a8 8 0 0 0 0 16",
  plus: "M12 5v14M5 12h14",
  reply: "M9 7l-5 5 5 5M4 12h9a7 7 0 0 1 7 7",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  close: "M6 6l12 12M18 6L6 18",
  brush: "M4 20c3 0 5-1 5-4l9-12c1-1 3 1 2 2L9 16c-1 0-2-1-2-1M9 16",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  undo: "M8 8L4 12l4 4M4 12h10a5 5 0 0 1 0 10h-2",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  link: "M8 16l8-8M9 8h7v7",
};

export function icon(name) {
  const holder = h("template");
  holder.innerHTML = `<svg class="svg" viewBox="0 0 24 24" aria-hidden="true"><path d="${PATHS[name]}"/></svg>`;
  return holder.content.firstChild;
}

/** Asks the emulator for something; a refusal is shown and thrown. */
export async function post(verb, asked) {
  const body = asked instanceof FormData ? asked : JSON.stringify(asked);
  const headers = asked instanceof FormData ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(`/page/${verb}`, { method: "POST", body, headers });
  const result = await answer.json().catch(() => ({ error: answer.statusText }));
  if (answer.ok) return result;
  toast(result.error, "bad");
  throw new Error(result.error);
}

export function toast(text, kind = "") {
  const shown = h("div", { class: `toast ${kind}` }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.classList.add("gone"), 3500);
  setTimeout(() => shown.remove(), 4000);
}

/** A dialog over everything; resolves when it is closed. */
export function dialog(name, ...children) {
  const shown = h("dialog", { class: name }, ...children);
  shown.addEventListener("click", (event) => event.target === shown && shown.close());
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
  return shown;
}

export const COLOURS = ["#d8503f", "#2f57cf", "#2c8a5b", "#8a4fc4", "#c06a12", "#1c7d93"];

export function face(element, name, id) {
  element.textContent = [...name][0] ?? "?";
  element.style.background = COLOURS[Math.abs(id) % COLOURS.length];
  return element;
}

export const time = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export const day = (seconds) =>
  new Date(seconds * 1000).toLocaleDateString([], { day: "numeric", month: "long" });

export const bytes = (size) =>
  size < 1024 ? `${size} B` : size < 1 << 20 ? `${(size / 1024).toFixed(1)} KB` : `${(size / (1 << 20)).toFixed(1)} MB`;
