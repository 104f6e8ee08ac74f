// The form of a new key offers the rights of the chosen role alone: for all services, or one.

const form = document.querySelector("form[data-scopes]");
const { role, service_name: service } = form.elements;
const scopes = JSON.parse(form.dataset.scopes);

function offer() {
  const [ofAll, ofOne] = scopes[role.value];
  const may = service.value.trim() ? ofOne : ofAll;
  for (const box of form.querySelectorAll("input[name=scopes]")) {
    const fits = may.includes(box.value);
    box.closest("label").hidden = !fits;
    if (!fits) box.checked = false;
  }
}

role.addEventListener("change", offer);
service.addEventListener("input", offer);
offer();
