// Photos from the camera: each is sent at once, with how far it is, and shown as platen keeps it.

import { fill, madeFor } from "./platen.js";

const PATIENCE_MS = 120000;

// fetch does not tell how far an upload is.
function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/photos");
    request.timeout = PATIENCE_MS;
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Platen-For", madeFor);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(Math.round((100 * event.loaded) / event.total));
    });
    const failed = (words) => reject(new Error(words));
    request.addEventListener("error", () => failed(""));
    request.addEventListener("timeout", () => failed(""));
    request.addEventListener("load", () => {
      let told = {};
      try {
        told = JSON.parse(request.responseText);
      } catch {
        // What is no JSON tells nothing.
      }
      if (request.status === 201) resolve(told.photo);
      else failed([told.detail, told.help].filter(Boolean).join("; ") || `${request.status}`);
    });
    request.send(file);
  });
}

export function attach(box) {
  const says = JSON.parse(box.dataset.says);
  const input = box.querySelector("input[type=file]");
  const taking = box.querySelector(".take");
  const told = box.querySelector(".said");
  const max = Number(box.dataset.max);
  const tell = (text, failed = false) => {
    told.textContent = text;
    told.classList.toggle("failed", failed);
  };

  function count() {
    const taken = [...box.querySelectorAll("[data-photo]")];
    taken.forEach((figure, index) => { figure.querySelector("img").alt = fill(says.taken, { n: index + 1 }); });
    taking.hidden = taken.length >= max;
    return taken.length;
  }

  function keep(photo) {
    if (box.querySelector(`[data-photo="${photo}"]`)) return;
    const figure = document.createElement("figure");
    figure.dataset.photo = photo;
    const image = document.createElement("img");
    image.src = `/v1/photos/${photo}`;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = says.remove;
    remove.addEventListener("click", () => { figure.remove(); tell(""); count(); });
    figure.append(image, remove);
    box.insertBefore(figure, taking);
  }

  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";
    box.dataset.ownBusy = "yes";
    try {
      for (const file of files) {
        if (count() >= max) break;
        tell(fill(says.goes, { percent: 0 }));
        keep(await upload(file, (percent) => tell(fill(says.goes, { percent }))));
        tell("");
      }
      if (count() >= max) tell(says.full);
    } catch (error) {
      tell(fill(says.failed, { why: error.message }), true);
    } finally {
      delete box.dataset.ownBusy;
    }
  });
}
