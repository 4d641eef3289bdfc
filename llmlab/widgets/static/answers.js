// Answers side by side. Arrow keys move between answers; r marks right, w wrong, u unmarks.
const MARKS = [["right", "\u2713", "r"], ["wrong", "\u2717", "w"]];

function cell(answer, model, mark) {
  const box = document.createElement("td");
  box.className = "ll-answer";
  box.tabIndex = 0;
  box.dataset.key = answer.key;
  const text = document.createElement("div");
  text.className = "ll-words";
  text.innerHTML = answer.html; // made by llmlab, with everything from data escaped
  const foot = document.createElement("div");
  foot.className = "ll-foot";
  const score = document.createElement("span");
  score.textContent = answer.score;
  foot.append(score);
  for (const [value, sign, key] of answer.key ? MARKS : []) {
    const button = document.createElement("button");
    const on = model.get("marks")[answer.key] === value;
    button.textContent = sign;
    button.title = `${value} (${key})`;
    button.setAttribute("aria-label", value);
    button.setAttribute("aria-pressed", String(on));
    button.className = on ? `ll-on ll-${value}` : "";
    button.addEventListener("click", () => mark(answer.key, on ? "" : value));
    foot.append(button);
  }
  box.append(text, foot);
  return box;
}

function control(kind, text, model, trait) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = kind;
  box.checked = model.get(trait);
  box.addEventListener("change", () => { model.set(trait, box.checked); model.save_changes(); });
  model.on(`change:${trait}`, () => { box.checked = model.get(trait); });
  label.append(box, ` ${text}`);
  return label;
}

export default {
  render({ model, el }) {
    const style = document.createElement("style");
    style.textContent = model.get("_style");
    const box = document.createElement("div");
    box.className = "llmlab ll-answers";
    const bar = document.createElement("div");
    bar.className = "ll-bar-row";
    const back = document.createElement("button");
    const on = document.createElement("button");
    back.textContent = "\u2190 previous";
    on.textContent = "next \u2192";
    const where = document.createElement("span");
    where.setAttribute("aria-live", "polite");
    back.addEventListener("click", () => turn(-1));
    on.addEventListener("click", () => turn(1));
    bar.append(
      control("checkbox", "only where they disagree", model, "only_disagreement"),
      control("checkbox", "mark what differs from the first", model, "diff"),
      back, where, on,
    );
    const scroll = document.createElement("div");
    scroll.className = "ll-scroll";
    const table = document.createElement("table");
    table.className = "ll";
    scroll.append(table);
    box.append(bar, scroll);
    el.append(style, box);

    function turn(by) {
      model.set("page", Math.min(Math.max(0, model.get("page") + by), model.get("pages") - 1));
      model.save_changes();
    }
    function mark(key, value) {
      const marks = { ...model.get("marks") };
      if (value) marks[key] = value; else delete marks[key];
      model.set("marks", marks);
      model.save_changes();
    }
    function draw() {
      const held = document.activeElement?.closest?.("td")?.dataset.key;
      const head = document.createElement("tr");
      head.append(...["input", ...model.get("heads")].map((text) => {
        const each = document.createElement("th");
        each.textContent = text;
        return each;
      }));
      const rows = model.get("rows").map((row) => {
        const line = document.createElement("tr");
        const name = document.createElement("th");
        name.scope = "row";
        name.innerHTML = row.html;
        line.append(name, ...row.cells.map((answer) => cell(answer, model, mark)));
        return line;
      });
      const top = document.createElement("thead");
      const body = document.createElement("tbody");
      top.append(head);
      body.append(...rows);
      table.replaceChildren(top, body);
      if (held) body.querySelector(`td[data-key="${CSS.escape(held)}"]`)?.focus();
      back.disabled = model.get("page") <= 0;
      on.disabled = model.get("page") >= model.get("pages") - 1;
      where.textContent = model.get("told");
    }
    function press(event) {
      const here = event.target.closest("td.ll-answer");
      if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
      const value = { r: "right", w: "wrong", u: "" }[event.key];
      const line = here.parentElement;
      const to = {
        ArrowLeft: here.previousElementSibling,
        ArrowRight: here.nextElementSibling,
        ArrowUp: line.previousElementSibling?.children[here.cellIndex],
        ArrowDown: line.nextElementSibling?.children[here.cellIndex],
      }[event.key];
      if (value === undefined && !to) return;
      event.preventDefault();
      event.stopPropagation(); // a notebook has keys of its own, such as x for cut
      if (to) to.focus(); else if (here.dataset.key) mark(here.dataset.key, value);
    }
    table.addEventListener("keydown", press);
    for (const trait of ["rows", "heads", "marks", "told", "page", "pages"]) {
      model.on(`change:${trait}`, draw);
    }
    draw();
  },
};
