// Draws what depends on the reader's choices: the comparison of two pictures by
// a movable boundary or by flicker, error maps, and details.
// Every picture is embedded once, as an <img>; canvases read it from there.

const FLICKER_MS = 600;  // Fewer than three changes a second are safe.
const levels = COLORS.map(
  (c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));

function pixels(image) {
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function errorMap(image, target, amplify) {
  const a = pixels(image), b = pixels(target).data;
  for (let i = 0; i < b.length; i += 4) {
    const sum = Math.abs(a.data[i] - b[i]) + Math.abs(a.data[i + 1] - b[i + 1])
      + Math.abs(a.data[i + 2] - b[i + 2]);
    const level = Math.min(255, Math.round(sum / 3 * amplify));
    [a.data[i], a.data[i + 1], a.data[i + 2]] = levels[level];
  }
  return a;
}

// Calls back with the pointer's position in the element, from 0 to 1 along each
// axis, while a button is pressed.
function onDrag(element, callback) {
  const move = (event) => {
    if (event.type === 'pointermove' && !event.buttons) return;
    const box = element.getBoundingClientRect();
    callback((event.clientX - box.left) / box.width,
      (event.clientY - box.top) / box.height);
  };
  element.addEventListener('pointerdown', move);
  element.addEventListener('pointermove', move);
}

function setUp(article) {
  const find = (query) => article.querySelector(query);
  const stage = find('.stage'), map = find('.map'), wipe = find('.wipe');
  const images = {};
  for (const image of stage.querySelectorAll('img')) {
    images[image.dataset.title] = image;
  }
  const chosen = (side) => find(`[data-side=${side}] :checked`).value;
  const strip = article.querySelectorAll('.strip canvas');
  let top = Number(article.dataset.top), left = Number(article.dataset.left);
  let error = null;

  function compare() {
    for (const side of ['before', 'after']) {
      for (const image of Object.values(images)) image.classList.remove(side);
      const image = images[chosen(side)];
      image.classList.add(side);
      const {title, note} = image.dataset;
      find(`.tag.${side}`).textContent = note ? `${title}: ${note}` : title;
    }
    stage.style.setProperty('--at', `${wipe.value}%`);
  }

  function side() {  // Side of the detail, in pixels of the picture.
    return strip[0].width / Number(chosen('zoom'));
  }

  function details() {
    const zoom = Number(chosen('zoom')), size = side();
    left = Math.max(0, Math.min(left, map.width - size));
    top = Math.max(0, Math.min(top, map.height - size));
    for (const canvas of strip) {
      const context = canvas.getContext('2d');
      context.imageSmoothingEnabled = false;
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(images[canvas.dataset.title],
        -left * zoom, -top * zoom, map.width * zoom, map.height * zoom);
    }
    const context = map.getContext('2d');
    context.putImageData(error, 0, 0);
    context.strokeStyle = '#fff';
    context.lineWidth = Math.max(1, map.width / 320);
    context.strokeRect(left, top, size, size);
  }

  function errors() {
    const amplify = Number(article.dataset.amplify);
    error = images.error ? pixels(images.error)
      : errorMap(images[chosen('error')], images.target, amplify);
    details();
  }

  function moveTo(x, y) {
    left = Math.round(x - side() / 2);
    top = Math.round(y - side() / 2);
    details();
  }

  let timer = null;
  function flicker(on) {
    clearInterval(timer);
    stage.classList.toggle('flickering', on);
    stage.classList.remove('other');
    find('.flicker').setAttribute('aria-pressed', on);
    if (on) {
      timer = setInterval(() => stage.classList.toggle('other'), FLICKER_MS);
    }
  }

  compare();
  errors();
  article.classList.add('live');
  wipe.addEventListener('input', () => { flicker(false); compare(); });
  find('.flicker').addEventListener('click', (event) =>
    flicker(event.target.getAttribute('aria-pressed') !== 'true'));
  article.addEventListener('change', (event) => {
    const group = event.target.closest('[data-side]');
    const redraw = {error: errors, zoom: details};
    if (group) (redraw[group.dataset.side] || compare)();
  });
  onDrag(map, (x, y) => moveTo(x * map.width, y * map.height));
  // Some touch screens move a slider only by its thumb, which is small.
  onDrag(wipe, (x) => {
    wipe.value = 100 * x;
    flicker(false);
    compare();
  });
  map.addEventListener('keydown', (event) => {
    const moves = {ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8],
      ArrowDown: [0, 8]};
    if (!moves[event.key]) return;
    event.preventDefault();
    left += moves[event.key][0];
    top += moves[event.key][1];
    details();
  });
}

function setUpChart(figure) {
  const curves = JSON.parse(figure.querySelector('script').textContent);
  const svg = figure.querySelector('svg');
  const cursor = figure.querySelector('.cursor');
  const readout = figure.querySelector('.readout');
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    const nearest = curves.map(({label, points, values}) => {
      let best = 0;
      points.forEach((p, i) => {
        if (Math.abs(p[0] - x) < Math.abs(points[best][0] - x)) best = i;
      });
      return {label, x: points[best][0], step: values[best][0],
        value: values[best][1]};
    });
    const at = nearest.reduce((a, b) =>
      Math.abs(b.x - x) < Math.abs(a.x - x) ? b : a).x;
    cursor.setAttribute('x1', at);
    cursor.setAttribute('x2', at);
    cursor.setAttribute('visibility', 'visible');
    readout.textContent = nearest.map((n) =>
      `${figure.dataset.x} ${n.step.toLocaleString('en')}: ${n.label} `
      + n.value.toPrecision(4)).join('; ');
  });
  svg.addEventListener('pointerleave', () => {
    cursor.setAttribute('visibility', 'hidden');
    readout.textContent = '\u00a0';
  });
}

// Not decode(): browsers reject some of many large pictures.
window.addEventListener('load', () =>
  document.querySelectorAll('.picture').forEach(setUp));
document.querySelectorAll('.chart').forEach(setUpChart);
