// Hands on what Telegram's page told this browser, in the address, and takes it out of there.

const told = new URLSearchParams(location.hash.slice(1)).get("tgAuthResult") ?? location.search.slice(1);
const form = document.getElementById("signing");
history.replaceState(null, "", location.pathname);
if (told && told !== "false") {
    form.elements.result.value = told;
    form.submit();
} else {
    document.getElementById("waiting").hidden = true;
    document.getElementById("refused").hidden = false;
}
