// A table of models with a box to tick in each row. The kernel holds the state: `chosen`.
// Rows are made once and changed in place: a row that is made anew loses the keyboard's focus.
function made(tag, more = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), more);
  element.append(...inside);
  return element;
}

function headings(heads) {
  const cells = [["use", ""], ...heads].map(([text, side]) => {
    const [top, under] = text.split("\n");
    const cell = made("th", { className: side, scope: "col" }, top);
    if (under) cell.append(made("br"), made("small", {}, under));
    return cell;
  });
  return made("thead", {}, made("tr", {}, ...cells));
}

function row(name, choose) {
  const box = made("input", { type: "checkbox" });
  box.setAttribute("aria-label", name);
  box.addEventListener("change", () => choose(name, box.checked));
  const line = made("tr", {}, made("td", {}, box));
  line.addEventListener("click", (event) => {
    if (event.target !== box) box.click();
  });
  return { line, box, words: "", cells: [] };
}

function fill(kept, model) {
  kept.words = model.words;
  model.cells.forEach(([text, side], at) => {
    if (!kept.cells[at]) {
      kept.cells[at] = made("td", { className: side });
      kept.line.append(kept.cells[at]);
    }
    kept.cells[at].textContent = text;
  });
}

function named(element, name) {
  element.setAttribute("aria-label", name);
  return element;
}

export default {
  render({ model, el }) {
    const style = made("style", { textContent: model.get("_style") });
    const find = named(
      made("input", { type: "search", placeholder: "filter: name, provider, key" }),
      "filter models",
    );
    const lineups = named(made("select"), "line-up");
    const look = made("button", {
      type: "button",
      title: "Ask the providers, for free, whether they are well and list each model",
    });
    const health = made("span", { className: "ll-quiet ll-said" });
    const told = made("div", { className: "ll-quiet" });
    const none = made("div", { className: "ll-quiet", hidden: true });
    for (const each of [health, told, none]) each.setAttribute("aria-live", "polite");
    const name = named(
      made("input", { type: "text", placeholder: "name of a line-up" }),
      "name of the line-up",
    );
    const save = made("button", {
      type: "button",
      title: "Keep the models that are ticked as a line-up of this name",
    }, "Save line-up");
    const saved = made("span", { className: "ll-quiet ll-said" });
    saved.setAttribute("aria-live", "polite");
    const body = made("tbody");
    const table = made("table", { className: "ll" }, headings(model.get("heads")), body);
    const scroll = made("div", { className: "ll-scroll ll-tall" }, table, none);
    const keep = made("div", { className: "ll-keep" }, name, save, saved);
    el.append(style, made("div", { className: "llmlab ll-picker" },
      find, lineups, look, health, scroll, told, keep));

    const rows = new Map();
    function choose(each, on) {
      const others = model.get("chosen").filter((other) => other !== each);
      model.set("chosen", on ? [...others, each] : others);
      model.save_changes();
    }
    function draw() {
      for (const each of model.get("models")) {
        if (!rows.has(each.name)) {
          rows.set(each.name, row(each.name, choose));
          body.append(rows.get(each.name).line);
        }
        fill(rows.get(each.name), each);
      }
      filter();
    }
    function filter() {
      const word = find.value.toLowerCase();
      let shown = 0;
      for (const each of rows.values()) {
        each.line.hidden = !each.words.includes(word);
        shown += !each.line.hidden;
      }
      none.hidden = shown > 0;
      none.textContent = `no model here has \u201c${find.value}\u201d in its name, provider or key`;
    }
    function tick() {
      const chosen = model.get("chosen");
      for (const [each, { box }] of rows) box.checked = chosen.includes(each);
      told.textContent = `${chosen.length} chosen: ${chosen.join(", ")}`;
      ready();
    }
    function ready() {
      save.disabled = !name.value.trim() || model.get("chosen").length === 0;
    }
    function offer() {
      const names = ["line-up \u2026", ...Object.keys(model.get("lineups"))];
      lineups.replaceChildren(...names.map((each, at) => new Option(each, at ? each : "")));
    }
    function tell() {
      look.disabled = model.get("looking");
      look.textContent = look.disabled ? "Checking \u2026" : "Check health";
      health.textContent = model.get("told");
      saved.textContent = model.get("saved");
    }
    function store() {
      if (!save.disabled) model.send({ save: name.value.trim() });
    }
    look.addEventListener("click", () => model.send("look"));
    save.addEventListener("click", store);
    name.addEventListener("input", ready);
    name.addEventListener("keydown", (event) => {
      event.stopPropagation(); // a notebook has keys of its own
      if (event.key === "Enter") store();
    });
    find.addEventListener("input", filter);
    lineups.addEventListener("change", () => {
      const names = model.get("lineups")[lineups.value];
      if (names) { model.set("chosen", names); model.save_changes(); }
    });
    for (const trait of ["looking", "told", "saved"]) model.on(`change:${trait}`, tell);
    model.on("change:chosen", tick);
    model.on("change:models", () => { draw(); tick(); });
    model.on("change:lineups", offer);
    offer();
    tell();
    draw();
    tick();
  },
};
