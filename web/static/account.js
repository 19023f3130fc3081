// The account page: times where the browser is, a key to be copied, and no form sent again by reloading.

const language = document.documentElement.lang;

for (const time of document.querySelectorAll("time")) {
    time.title = new Date(time.dateTime).toLocaleString(language);
}

for (const button of document.querySelectorAll("[data-copy]")) {
    const field = button.parentElement.querySelector("input");
    field.addEventListener("focus", () => field.select());
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(field.value);
        button.textContent = button.dataset.copied;
    });
}

// What this browser kept of the form goes with the person: the next one at it must not read it.
if (["forgotten", "signed-out"].includes(new URLSearchParams(location.search).get("done"))) {
    for (const key of Object.keys(localStorage)) {
        if (key.startsWith("studio-")) localStorage.removeItem(key);
    }
}

document.querySelector("[data-once], [role=alert]")?.scrollIntoView({ block: "center" });
history.replaceState(null, "", `/${language}/account${location.hash}`);
