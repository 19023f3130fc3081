// The sheets in which one says under which policy a picture goes, and for how long somebody is banned.

// What was chosen and written in a sheet, or null where it was left.
function asked(sheet, about, preset = "") {
    const form = sheet.querySelector("form");
    form.reset();
    sheet.querySelector(".about").textContent = about;
    const choices = [...sheet.querySelectorAll("input[type=radio]")];
    const first = choices.find((one) => one.value === preset);
    if (first) first.checked = true;
    sheet.returnValue = "";
    sheet.showModal();
    (first ?? choices[0])?.focus();
    return new Promise((answer) => {
        sheet.addEventListener(
            "close",
            () => answer(sheet.returnValue === "yes" ? Object.fromEntries(new FormData(form)) : null),
            { once: true },
        );
    });
}

// A number chooses, and the reason may be written next.
for (const sheet of document.querySelectorAll("dialog.sheet")) {
    sheet.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === "text") return;
        const chosen = choice(sheet, number(event));
        if (chosen) {
            event.preventDefault();
            chosen.checked = true;
            sheet.querySelector("[name=reason]").focus();
        } else if (event.key === "Enter" && event.target.type === "radio") {
            event.preventDefault();
            sheet.querySelector("form").requestSubmit(sheet.querySelector("[value=yes]"));
        }
    });
}

function choice(sheet, number) {
    return sheet.querySelectorAll("input[type=radio]")[number - 1];
}

// Of a key, 0 for others; the upper row counts whatever it types.
function number({ key, code }) {
    return Number(/^[1-9]$/.exec(key)?.[0] ?? /^Digit([1-9])$/.exec(code)?.[1] ?? 0);
}

// {policy, reason}
export function removal(about, policy = "") {
    return asked(document.getElementById("removing"), about, policy);
}

// {days, reason}; 0 days are for ever.
export async function ban(about) {
    const told = await asked(document.getElementById("banning"), about);
    return told && { days: Number(told.days), reason: told.reason };
}
