// Painting over a photo, as in Telegram's own editor: the painted copy is a new photo.

import { dialog, h, icon } from "./dom.js";

const INKS = ["#ff2d55", "#ffcc00", "#34c759", "#0a84ff", "#bf5af2", "#ffffff", "#000000"];
const QUALITY = 0.92;

/** Resolves to the painted picture, its caption and whether it is a reply; to null if not. */
export function paint(path) {
  return new Promise((resolve) => {
    const canvas = h("canvas", { "aria-label": "The photo to paint over" });
    const caption = h("input", { type: "text", placeholder: "Add a caption…", "aria-label": "Caption" });
    const reply = h("input", { type: "checkbox", checked: true });
    const size = h("input", { type: "range", min: "1", max: "12", value: "4", "aria-label": "Brush size" });
    const strokes = [];
    let ink = INKS[0];
    let result = null;
    const photo = new Image();

    const redraw = () => {
      const pen = canvas.getContext("2d");
      pen.drawImage(photo, 0, 0);
      pen.lineCap = pen.lineJoin = "round";
      for (const stroke of strokes) {
        pen.strokeStyle = stroke.ink;
        pen.lineWidth = stroke.width;
        pen.beginPath();
        pen.moveTo(...stroke.points[0]);
        for (const point of stroke.points) pen.lineTo(...point);
        pen.stroke();
      }
    };
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      const scale = canvas.width / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      const width = (Math.max(canvas.width, canvas.height) * size.value) / 100;
      strokes.push({ ink, width, points: [place(event)] });
      redraw();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      for (const point of event.getCoalescedEvents?.() ?? [event])
        strokes[strokes.length - 1].points.push(place(point));
      redraw();
    });
    photo.addEventListener("load", () => {
      canvas.width = photo.naturalWidth;
      canvas.height = photo.naturalHeight;
      redraw();
    });
    photo.src = `/page/file/${path}`;

    const inks = INKS.map((colour) => {
      const choose = () => {
        ink = colour;
        for (const other of inks) other.setAttribute("aria-pressed", String(other === button));
      };
      const button = h("button", { class: "ink", type: "button", "aria-label": `Colour ${colour}`, "aria-pressed": String(colour === ink), onclick: choose });
      button.style.background = colour;
      return button;
    });
    const undo = () => {
      strokes.pop();
      redraw();
    };
    const send = () =>
      canvas.toBlob(
        (blob) => {
          result = { file: new File([blob], "painted.jpg"), caption: caption.value, reply: reply.checked };
          shown.close();
        },
        "image/jpeg",
        QUALITY,
      );
    const shown = dialog(
      "painter",
      h("div", { class: "tools" },
        h("button", { class: "icon", type: "button", "aria-label": "Close", onclick: () => shown.close() }, icon("close")),
        h("div", { class: "inks" }, inks),
        size,
        h("button", { class: "icon", type: "button", "aria-label": "Undo", onclick: undo }, icon("undo")),
      ),
      h("div", { class: "stage" }, canvas),
      h("div", { class: "tools" },
        caption,
        h("label", {}, reply, "Reply"),
        h("button", { class: "accent", type: "button", onclick: send }, "Send"),
      ),
    );
    shown.addEventListener("close", () => resolve(result));
  });
}

/** A photo as large as the window, with what can be done with it. */
export function view(message, on) {
  const path = `/page/file/${message.photo.path}`;
  const act = (title, name, act) =>
    h("button", { class: "icon", type: "button", "aria-label": title, title, onclick: () => (shown.close(), act(message)) }, icon(name));
  const shown = dialog(
    "viewer",
    h("div", { class: "tools" },
      act("Close", "close", () => {}),
      h("span", { class: "grow" }),
      act("Reply", "reply", on.reply),
      act("Paint over", "brush", on.paint),
      h("a", { class: "icon", href: path, download: "photo.jpg", "aria-label": "Save", title: "Save" }, icon("save")),
    ),
    h("img", { src: path, alt: message.words || "Photo", onclick: () => shown.close() }),
    message.words ? h("p", { dir: "auto" }, message.words) : null,
  );
}
