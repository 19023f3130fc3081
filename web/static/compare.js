// The slider over a picture that shows how it was before. It works wherever the page has one.

document.addEventListener("input", ({ target }) => {
    const compare = target.closest?.(".compare");
    if (!compare) return;
    compare.style.setProperty("--before", `${target.value}%`);
    compare.toggleAttribute("data-pulled", target.value > 0);
    target.setAttribute("aria-valuetext", target.dataset.says.replace("{percent}", target.value));
});

// Without the picture that was worked on, which its owner may have deleted, there is no before.
document.addEventListener("error", ({ target }) => target.closest?.(".compare svg")?.parentElement.setAttribute("data-lost", ""), true);
