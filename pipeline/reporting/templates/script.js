"use strict";
// Tables sort by a click on a heading: numbers (data-value or the text) as numbers, else as words.
for (const table of document.querySelectorAll("table[data-sort]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    head.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(value(a.cells[column]), value(b.cells[column]), up));
      table.tBodies[0].append(...rows);
    });
  });
}

function value(cell) {
  const told = cell.dataset.value ?? cell.textContent.trim();
  return told !== "" && !Number.isNaN(Number(told)) ? Number(told) : told;
}

function compare(a, b, up) {
  if (a === "" || b === "") return (a === "") - (b === ""); // unknown stays last
  const order = typeof a === "number" && typeof b === "number"
    ? a - b : String(a).localeCompare(String(b), undefined, {numeric: true});
  return up ? order : -order;
}

// One recording sounds at a time.
let player = null, sounding = null;
function silence() {
  player?.pause();
  sounding?.classList.remove("on");
  sounding = null;
}
for (const clip of document.querySelectorAll("audio")) clip.addEventListener("ended", silence);
for (const button of document.querySelectorAll("button[data-clip]")) {
  button.addEventListener("click", () => {
    const same = sounding === button;
    silence();
    if (same) return;
    player = document.getElementById(`clip-${button.dataset.clip}`);
    player.currentTime = 0;
    sounding = button;
    button.classList.add("on");
    player.play().catch((error) => { silence(); button.title = String(error); });
  });
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.style.colorScheme || (dark ? "dark" : "light");
  root.style.colorScheme = now === "dark" ? "light" : "dark";
});
