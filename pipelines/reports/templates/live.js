"use strict";
const words = JSON.parse(document.querySelector("#words").textContent), table = document.querySelector("table"), said = document.querySelector("#said");
let asking = null;
function shortName(name) { return name.split(/[\/#]/).filter(Boolean).pop().replace(/^urn:xueqing:xapi:verb:/, ""); }
function shown(live) {
  const rows = new Map();
  for (const [minutes, column] of [[1, 0], [15, 1]])
    for (const one of live[`last_${minutes}_min`]) {
      const place = JSON.stringify([one.name, one.source]);
      if (!rows.has(place)) rows.set(place, [0, 0]);
      rows.get(place)[column] += one.count;
    }
  const body = table.tBodies[0];
  body.replaceChildren(...[...rows].sort((a, b) => b[1][1] - a[1][1] || a[0].localeCompare(b[0])).map(([place, counts]) => {
    const [name, source] = JSON.parse(place), row = document.createElement("tr");
    for (const [text, isText, title] of [[shortName(name), true, name], [source, true, source], ...counts.map(n => [n.toLocaleString(words.locale), false, ""])]) {
      const cell = document.createElement(isText && !row.children.length ? "th" : "td");
      cell.textContent = text;
      if (isText) cell.className = "t";
      if (title) cell.title = title;
      if (cell.tagName === "TH") cell.scope = "row";
      row.append(cell);
    }
    return row;
  }));
  table.hidden = !rows.size;
  const total = [...rows.values()].reduce((n, [last]) => n + last, 0);
  said.textContent = rows.size ? words.arrived.replace("{n}", total.toLocaleString(words.locale)).replace("{programme}", live.programme_id) : words.nothing.replace("{programme}", live.programme_id);
}
async function ask(authorization) {
  try {
    const answer = await fetch("/live", {headers: {authorization}, credentials: "omit", cache: "no-store"});
    if (answer.status === 401) { said.textContent = words.refused; table.hidden = true; clearInterval(asking); return; }
    if (!answer.ok) throw new Error(answer.status);
    shown(await answer.json());
  } catch { said.textContent = words.unreachable; }
}
document.querySelector("#who").addEventListener("submit", event => {
  event.preventDefault();
  const form = new FormData(event.target), bytes = new TextEncoder().encode(`${form.get("key")}:${form.get("secret")}`);
  const authorization = "Basic " + btoa(String.fromCharCode(...bytes));
  clearInterval(asking);
  asking = setInterval(ask, 2000, authorization);
  ask(authorization);
});
