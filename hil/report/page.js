"use strict";
const form = document.querySelector(".filter");
const rows = document.querySelectorAll("tbody[data-outcome]");
const runs = document.querySelectorAll("[data-outcome]");
function filter() {
  const wanted = { board: form.board.value, outcome: form.outcome.value };
  for (const run of runs)
    run.hidden = Object.entries(wanted).some(([name, value]) => value && run.dataset[name] !== value);
  const shown = [...rows].filter((row) => !row.hidden).length;
  form.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} runs shown`;
}
form.addEventListener("change", filter);
form.hidden = false;
filter();
