// The legend of a chart.

/** The lines of a chart, each to be hidden and shown. */
export function legend(chart, spec, colourOf, isDashed) {
  const list = document.createElement("ul");
  list.className = "legend";
  list.hidden = spec.lines.length < 2;
  spec.lines.forEach((line, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.ariaPressed = "true";
    const swatch = document.createElement("i");
    swatch.style.color = colourOf(index);
    swatch.classList.toggle("dashed", isDashed(index));
    button.append(swatch, line.label);
    button.onclick = () => {
      const show = !chart.series[index + 1].show;
      chart.setSeries(index + 1, { show });
      button.ariaPressed = String(show);
    };
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  });
  return list;
}

/** What somebody chose in the legend of a figure. */
export function chosenIn(figure) {
  const buttons = [...figure.querySelectorAll(".legend button")];
  const hidden = buttons.filter((button) => button.ariaPressed === "false").map((button) => button.textContent);
  return { hidden, focused: buttons.find((button) => button === document.activeElement)?.textContent };
}

/** Choose that again, where it is still there. */
export function choose(figure, chosen) {
  for (const button of chosen ? figure.querySelectorAll(".legend button") : []) {
    if (chosen.hidden.includes(button.textContent)) button.onclick();
    if (chosen.focused === button.textContent && document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}
