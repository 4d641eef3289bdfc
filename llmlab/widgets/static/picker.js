// A table of models with a box to tick in each row. The kernel holds the state: `chosen`.
function row(model, el) {
  const line = document.createElement("tr");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = el.chosen().includes(model.name);
  box.setAttribute("aria-label", model.name);
  box.addEventListener("change", () => el.choose(model.name, box.checked));
  const first = document.createElement("td");
  first.append(box);
  line.append(first);
  for (const [text, side] of model.cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    cell.className = side;
    line.append(cell);
  }
  line.addEventListener("click", (event) => {
    if (event.target !== box) box.click();
  });
  return line;
}

function head(heads) {
  const line = document.createElement("tr");
  for (const [text, side] of [["", ""], ...heads]) {
    const cell = document.createElement("th");
    cell.textContent = text;
    cell.className = side;
    line.append(cell);
  }
  const part = document.createElement("thead");
  part.append(line);
  return part;
}

export default {
  render({ model, el }) {
    const state = {
      chosen: () => model.get("chosen"),
      choose(name, on) {
        const others = model.get("chosen").filter((each) => each !== name);
        model.set("chosen", on ? [...others, name] : others);
        model.save_changes();
      },
    };
    const style = document.createElement("style");
    style.textContent = model.get("_style");
    const box = document.createElement("div");
    box.className = "llmlab ll-picker";
    const find = document.createElement("input");
    find.type = "search";
    find.placeholder = "filter: name, provider, key";
    find.setAttribute("aria-label", "filter models");
    const lineups = document.createElement("select");
    lineups.setAttribute("aria-label", "line-up");
    const look = document.createElement("button");
    look.type = "button";
    look.title = "Ask the providers, for free, whether they are well and list each model";
    const health = document.createElement("span");
    health.className = "ll-quiet";
    health.style.marginLeft = "8px";
    health.setAttribute("aria-live", "polite");
    const told = document.createElement("div");
    told.className = "ll-quiet";
    told.setAttribute("aria-live", "polite");
    const scroll = document.createElement("div");
    scroll.className = "ll-scroll ll-tall";
    const table = document.createElement("table");
    table.className = "ll";
    const body = document.createElement("tbody");
    table.append(head(model.get("heads")), body);
    scroll.append(table);
    box.append(find, lineups, look, health, scroll, told);
    el.append(style, box);

    function draw() {
      const word = find.value.toLowerCase();
      const shown = model.get("models").filter((each) => each.words.includes(word));
      body.replaceChildren(...shown.map((each) => row(each, state)));
      const chosen = model.get("chosen");
      told.textContent = `${chosen.length} chosen: ${chosen.join(", ")}`;
    }
    function offer() {
      const names = ["line-up \u2026", ...Object.keys(model.get("lineups"))];
      lineups.replaceChildren(...names.map((name, at) => new Option(name, at ? name : "")));
    }
    function tell() {
      look.disabled = model.get("looking");
      look.textContent = look.disabled ? "Checking \u2026" : "Check health";
      health.textContent = model.get("told");
    }
    look.addEventListener("click", () => model.send("look"));
    model.on("change:looking", tell);
    model.on("change:told", tell);
    find.addEventListener("input", draw);
    lineups.addEventListener("change", () => {
      const names = model.get("lineups")[lineups.value];
      if (names) { model.set("chosen", names); model.save_changes(); }
    });
    model.on("change:chosen", draw);
    model.on("change:models", draw);
    model.on("change:lineups", offer);
    offer();
    tell();
    draw();
  },
};
