// How long to wait until the next try counts down, and the button waits with it.

const waiting = document.querySelector("[data-wait]");
if (waiting) {
    const button = document.querySelector("form button");
    const sentence = waiting.textContent;
    const first = waiting.dataset.wait;
    const until = Date.now() + Number(first) * 1000;
    button.disabled = true;
    const counting = setInterval(() => {
        const left = Math.ceil((until - Date.now()) / 1000);
        if (left > 0) return void (waiting.firstChild.textContent = sentence.replace(/\d[\d\s.,]*/, `${left} `));
        clearInterval(counting);
        button.disabled = false;
        waiting.hidden = true;
    }, 1000);
}
