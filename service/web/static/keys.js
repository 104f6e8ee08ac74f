// The form of a new key offers the rights of the chosen role alone.

const form = document.querySelector("form[data-scopes]");
const scopes = JSON.parse(form.dataset.scopes);

function offer() {
  const may = scopes[form.elements.role.value];
  for (const box of form.querySelectorAll("input[name=scopes]")) {
    const fits = may.includes(box.value);
    box.closest("label").hidden = !fits;
    if (!fits) box.checked = false;
  }
}

form.elements.role.addEventListener("change", offer);
offer();
