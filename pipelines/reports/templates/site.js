const rows = [...document.getElementById("rows").rows], found = document.getElementById("found"), said = found.dataset.said;
document.getElementById("find").addEventListener("input", e => {
  const words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean); let n = 0;
  for (const row of rows) { const text = row.textContent.toLowerCase(); row.hidden = !words.every(w => text.includes(w)); n += !row.hidden; }
  found.textContent = said.replace("{n}", n);
});
