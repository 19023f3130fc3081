// “Is this ours?”: a picture is chosen, dropped or pasted, and sent with the form it belongs to.

const form = document.getElementById("same");
const field = form.querySelector("input[type=file]");

function send(files) {
    if (!files?.length) return;
    if (field.files !== files) field.files = files;
    form.toggleAttribute("data-busy", true);
    form.submit();
}

field.addEventListener("change", () => send(field.files));
form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.toggleAttribute("data-over", true);
});
form.addEventListener("dragleave", () => form.removeAttribute("data-over"));
form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.removeAttribute("data-over");
    send(event.dataTransfer.files);
});
addEventListener("paste", (event) => send(event.clipboardData?.files));
