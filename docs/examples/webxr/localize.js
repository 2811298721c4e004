// Localizes one camera image by way of fob-gateway. What an app of your own needs of it are the functions up to `localize`; the
// rest is where the image comes from, and the page.

// No secret: it is the pair of [gateway.NAME], which every app may know. Who may have a token is decided by the page's origin and
// by the user whose process the browser is.
const PAIR = 'Basic ' + btoa('fob:fob');
// Longer than the gateway itself waits for the service (60 s), so that its own words arrive.
const PATIENCE_MS = 70_000;

/** What went wrong, and what to do next; both are shown. */
class Problem extends Error {
  constructor(what, next) {
    super(what);
    this.next = next;
  }
}

/** The gateway's address from `?gateway=`. A link must not be able to send the image anywhere else, so only this device will do. */
function gatewayFrom(search) {
  const asked = new URLSearchParams(search).get('gateway') ?? 'http://127.0.0.1:8787';
  // As it stands, and not as a URL parser mends it: no user, no path, no other way to write the address.
  const port = /^http:\/\/(?:127\.0\.0\.1|localhost):([1-9]\d{0,4})$/.exec(asked)?.[1];
  if (port && Number(port) <= 65535) return asked;
  throw new Problem('The gateway in this page\'s address is not on this device.',
    'Write ?gateway=http://127.0.0.1:PORT or ?gateway=http://localhost:PORT, or leave it out for port 8787.');
}

/** POSTs to the gateway; the decoded answer, or a Problem. */
async function post(gateway, path, headers, body) {
  let answer;
  try {
    answer = await fetch(gateway + path, {
      method: 'POST', headers, body, credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw await problemBehind(error, gateway, path);
  }
  const decoded = await answer.json().catch(() => null);
  // The vendor may say 200 and an `error`.
  if (answer.ok && decoded && !decoded.error) return decoded;
  throw new Problem(`The answer was ${answer.status}: ${decoded?.error ?? decoded?.message ?? 'no reason was given'}`,
    answer.headers.has('Retry-After') ? 'Trying again in a moment may help.' : 'fob-gateway\'s log may say more.');
}

/** fetch() tells a page only that it failed. Why, can be found out. */
async function problemBehind(error, gateway, path) {
  if (error.name === 'TimeoutError') return new Problem(`No answer within ${PATIENCE_MS / 1000} s.`, 'Check the network and try again.');
  // Of a no-cors request no page can read the answer; but whether there was one, it can tell.
  const listens =
    await fetch(gateway, { mode: 'no-cors', credentials: 'omit', signal: AbortSignal.timeout(5000) }).then(() => true, () => false);
  if (!listens) return new Problem(`Nothing answers at ${gateway}.`,
    'Start fob-gateway, with this address as listen. If it runs, its log says whether this browser\'s user is missing from users. '
    + 'If the browser asked whether this site may reach apps on this device, allow it.');
  // A token was given a moment ago, so the origin is not the reason.
  if (path !== '/v1/m2m/token') return new Problem(`fob-gateway does not pass on POST ${path}.`,
    `Add "POST ${path}" to routes in fob.toml, and start fob-gateway again.`);
  return new Problem(`fob-gateway does not let pages of ${location.origin} use it.`,
    `Add "${location.origin}" to origins in fob.toml, and start fob-gateway again.`);
}

/**
 * Where `image` was taken: {poseFound, position, rotation, confidence, mapIds}.
 * The token is asked for each time and kept nowhere: the gateway has one ready. It puts the current one into the second request,
 * too, whatever that one brings; a page that talked to the vendor itself would need it, and so this one does as such pages do.
 */
async function localize(gateway, { blob, width, height }, { fx, fy, px, py }, mapCode) {
  const { token } = await post(gateway, '/v1/m2m/token', { Authorization: PAIR, 'Content-Type': 'application/json' }, '{}');
  const form = new FormData();
  // WebXR's coordinates are right-handed.
  for (const [name, value] of Object.entries({ fx, fy, px, py, width, height, isRightHanded: true, mapCode })) form.append(name, value);
  form.append('queryImage', blob, 'image.jpg');
  return post(gateway, '/v1/vps/map/query-form', { Authorization: `Bearer ${token}` }, form);
}

// ---- Where the image comes from. All of them are drawn on one canvas, which is what is shown and what is sent. Drawing turns a
// photograph the right way up, and leaves behind what else is in its file, such as where and when it was taken.

const LONGEST_SIDE = 1280;

async function drawFile(canvas, file) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Problem(`${file.name} is no image that this browser can read.`, 'Choose a JPEG or PNG file.');
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return guessedCamera(canvas);
}

function drawTestImage(canvas) {
  Object.assign(canvas, { width: 960, height: 540 });
  const pen = canvas.getContext('2d');
  // A room: back wall, floor, walls with two doors each. No map knows it; the sandbox finds it all the same.
  const fill = (colour, ...points) => {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(x, y);
    pen.fill();
  };
  fill('#dfe5ee', [0, 0], [960, 0], [640, 170], [320, 170]);
  fill('#8d6e53', [0, 540], [960, 540], [640, 370], [320, 370]);
  fill('#b9c6d8', [0, 0], [320, 170], [320, 370], [0, 540]);
  fill('#a9b8cc', [960, 0], [640, 170], [640, 370], [960, 540]);
  fill('#cdd7e4', [320, 170], [640, 170], [640, 370], [320, 370]);
  for (const side of [x => x, x => 960 - x]) {
    fill('#5b4636', [side(60), 200], [side(150), 222], [side(150), 460], [side(60), 508]);
    fill('#5b4636', [side(220), 240], [side(270), 252], [side(270), 397], [side(220), 423]);
  }
  fill('#2f5d8a', [400, 215], [560, 215], [560, 305], [400, 305]);
  return guessedCamera(canvas);
}

/** The camera of an image of which nothing is known: its focus in the middle, 60° wide. */
function guessedCamera({ width, height }) {
  const focal = Math.round(width / 2 / Math.tan(Math.PI / 6));
  return { fx: focal, fy: focal, px: width / 2, py: height / 2 };
}

/** One image of the AR session's own camera (WebXR Raw Camera Access), with what the session knows of that camera. */
async function drawFromAr(canvas) {
  let session;
  try {
    session = await navigator.xr.requestSession('immersive-ar', { requiredFeatures: ['camera-access'] });
  } catch (error) {
    throw new Problem(`AR with access to its camera did not start: ${error.message}`, 'Use an image file instead.');
  }
  try {
    const gl = document.createElement('canvas').getContext('webgl2', { xrCompatible: true });
    session.updateRenderState({ baseLayer: new XRWebGLLayer(session, gl) });
    const [binding, space] = [new XRWebGLBinding(session, gl), await session.requestReferenceSpace('viewer')];
    return await new Promise((resolve, reject) => {
      session.addEventListener('end', () => reject(new Problem('AR ended before there was an image.', 'Try again.')));
      const onFrame = (_, frame) => {
        // The first frames may come without a camera.
        const view = frame.getViewerPose(space)?.views.find(each => each.camera);
        if (!view) return session.requestAnimationFrame(onFrame);
        try {
          resolve(drawCamera(canvas, gl, binding.getCameraImage(view.camera), view));
        } catch (error) {
          reject(error);
        }
      };
      session.requestAnimationFrame(onFrame);
    });
  } finally {
    await session.end().catch(() => {});  // the user may have ended it
  }
}

function drawCamera(canvas, gl, texture, { camera: { width, height }, projectionMatrix: p }) {
  const pixels = new Uint8ClampedArray(width * height * 4);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  // WebGL has the lowest row first, a canvas the highest.
  const image = new ImageData(width, height);
  const row = width * 4;
  for (let y = 0; y < height; ++y) image.data.set(pixels.subarray((height - 1 - y) * row, (height - y) * row), y * row);
  Object.assign(canvas, { width, height });
  canvas.getContext('2d').putImageData(image, 0, 0);
  return { fx: p[0] * width / 2, fy: p[5] * height / 2, px: (1 - p[8]) * width / 2, py: (1 + p[9]) * height / 2 };
}

/** Not toBlob(): it waits until the browser has nothing else to do, which takes seconds where it draws all the time or not at all. */
function jpegOf(canvas) {
  const base64 = canvas.toDataURL('image/jpeg', 0.9).split(',')[1];
  return new Blob([Uint8Array.from(atob(base64), character => character.charCodeAt(0))], { type: 'image/jpeg' });
}

// ---- The page.

const $ = id => document.getElementById(id);
const canvas = $('image');

function show(problem) {
  if (!(problem instanceof Problem)) console.error(problem);  // a bug: its place is of use
  $('what').textContent = problem.message;
  $('next').textContent = problem.next ?? '';
  $('problem').hidden = false;
  $('problem').scrollIntoView({ block: 'nearest' });
}

let busy = false;

/** Does something that takes a while: nothing else meanwhile, and what goes wrong is told. */
async function during(progress, work) {
  if (busy) return;  // rather than disabled buttons, which would take the focus away from who uses the keyboard
  busy = true;
  $('problem').hidden = $('answer').hidden = true;
  $('progress').textContent = progress;
  try {
    await work();
  } catch (error) {
    show(error);
  }
  $('progress').textContent = '';
  busy = false;
}

/** Takes an image from one of the three above. */
async function take(name, draw) {
  const camera = await draw(canvas);
  for (const [key, value] of Object.entries(camera)) $(key).value = value;
  canvas.hidden = false;
  $('image-hint').textContent = `${name}, ${canvas.width} × ${canvas.height} pixels.`;
}

function numbers(object, names) {
  return names.map(name => Number(object?.[name]).toFixed(3)).join(', ');
}

function showAnswer(pose) {
  $('outcome').textContent = pose.poseFound ? 'Found' : 'Not found: is this a place on the map?';
  $('pose-found').textContent = pose.poseFound ? 'Yes' : 'No';
  $('position').textContent = pose.poseFound ? numbers(pose.position, ['x', 'y', 'z']) : '–';
  $('rotation').textContent = pose.poseFound ? numbers(pose.rotation, ['x', 'y', 'z', 'w']) : '–';
  $('confidence').textContent = pose.poseFound ? `${Math.round(pose.confidence * 100)} %` : '–';
  $('maps').textContent = pose.mapIds?.join(', ') || '–';
  $('answer').hidden = false;
  $('answer').scrollIntoView({ block: 'nearest' });
}

async function submit(gateway) {
  if (canvas.hidden) throw new Problem('There is no image yet.', 'Choose an image file, or use the test image.');
  const camera = Object.fromEntries(['fx', 'fy', 'px', 'py'].map(name => [name, Number($(name).value)]));
  if (!Object.values(camera).every(value => value > 0)) throw new Problem('The camera needs four numbers above 0.',
    'Take the image again for a guess, or fill them in.');
  const image = { blob: jpegOf(canvas), width: canvas.width, height: canvas.height };
  showAnswer(await localize(gateway, image, camera, $('map-code').value.trim()));
}

async function start() {
  let gateway;
  try {
    gateway = gatewayFrom(location.search);
  } catch (problem) {
    $('gateway').textContent = 'no valid address';
    $('localize').disabled = true;
    return show(problem);
  }
  $('gateway').textContent = gateway;
  $('query').addEventListener('submit', event => {
    event.preventDefault();
    during('Localizing …', () => submit(gateway));
  });
  $('file').addEventListener('change', event => {
    const [file] = event.target.files;
    if (file) during('Reading the image …', () => take(file.name, to => drawFile(to, file)));
  });
  $('test-image').addEventListener('click', () => during('', () => take('Test image', drawTestImage)));
  $('ar').addEventListener('click', () => during('In AR …', () => take('AR image', drawFromAr)));
  // Only where it would start; elsewhere there is nothing to press in vain.
  $('ar').hidden = $('ar-hint').hidden = !await navigator.xr?.isSessionSupported('immersive-ar').catch(() => false);
}

start();
