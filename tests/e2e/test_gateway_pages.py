"""Web pages and fob-gateway, in a real browser: the example page localizes an image with it, and every other page on this device
gets and causes nothing, whatever way a browser has to send a request.
"""
import base64
import json
import os
import struct
import threading
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Browser, Site
from fob import wait_until
from gateway import QUERIES, Gateway, free_port, listener

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/webxr"
QUERY = "/v1/vps/map/query-form"
EVIL = "evil.test"
SIZES = {"desktop": (1200, 800), "phone": (390, 844)}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Served:
    """The example, as its readme has it served."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=EXAMPLE))
        self.port = self.server.server_address[1]
        self.origin = f"http://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser for which a name of somebody else's leads to this machine."""
    started = Browser(tmp_path_factory.mktemp("browser"), f"--host-resolver-rules=MAP {EVIL} 127.0.0.1",
                      "--enable-unsafe-swiftshader",  # WebGL without a graphics card
                      # Chromium of late asks the user before a page from elsewhere reaches this device. Others do not.
                      "--disable-features=LocalNetworkAccessChecks")
    yield started
    started.close()


@pytest.fixture(scope="module")
def example():
    served = Served()
    yield served
    served.close()


@pytest.fixture(scope="module")
def friend():
    """A page of an allowed origin, with no policy of its own in the way of what it tries."""
    started = Site("<!DOCTYPE html><title>A friend</title><h1>A friend</h1>")
    yield started
    started.close()


@pytest.fixture(scope="module")
def stranger():
    started = Site("<!DOCTYPE html><title>A game</title><h1>A game</h1>")
    yield started
    started.close()


@pytest.fixture
def configure(enrolled, sandbox, example, friend):
    def write(more="", routes=QUERIES):
        enrolled.configure_for(sandbox, extra=listener(enrolled.port, routes, origins=[example.origin, friend.url], extra=more))
    enrolled.port = free_port()
    write()
    return write


@pytest.fixture
def gateway(configure, enrolled, sandbox):
    enrolled.start()
    wait_until(lambda: sandbox.admin("GET", "/stats")["token"]["total"] == 1, "fobd has asked for its first token, so none is counted later")
    gateway = Gateway(enrolled, enrolled.port)
    yield gateway
    assert gateway.process.poll() is not None or gateway.stop() == 0


@pytest.fixture
def picture(browser, tmp_path):
    """picture(NAME): the page as it looks now on each size of screen, for people to look at."""
    places = [tmp_path, *([Path(os.environ["FOB_SCREENSHOTS"])] if os.environ.get("FOB_SCREENSHOTS") else [])]

    def take(name):
        for size, (width, height) in SIZES.items():
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"})
            assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= width, f"{name} is too wide for a {size}"
            image = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": width, "scale": 1,
                "height": browser.driver.execute_script("return Math.max(innerHeight, document.documentElement.scrollHeight)")}})
            for place in places:
                (place / f"{name}-{size}.png").write_bytes(base64.b64decode(image["data"]))
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    return take


def open_example(browser, example, gateway, host="localhost"):
    browser.open(f"http://{host}:{example.port}/?gateway=http://127.0.0.1:{gateway.port}")


def localize_test_image(browser):
    browser.press("Use test image")
    wait_until(lambda: "pixels" in browser.value("image-hint"), "the image is there")
    browser.fill("Map code", "hall-1")
    browser.press("Localize")


def pose_shown(browser):
    wait_until(lambda: browser.value("outcome") or browser.value("what"), "the page has an answer")
    assert browser.value("outcome") == "Found", browser.text
    return [browser.value(name) for name in ("pose-found", "position", "rotation", "confidence")]


def problem_shown(browser):
    """What is wrong, and what to do next."""
    wait_until(lambda: browser.value("what"), "the page tells a problem")
    assert browser.value("outcome") == "", "a problem and an answer"
    return browser.value("what"), browser.value("next")


POSE = ["Yes", "1.250, 0.040, -3.500", "0.000, 0.707, 0.000, 0.707", "87 %"]


def counted(sandbox):
    stats = sandbox.admin("GET", "/stats")
    return stats["api"]["total"], stats["token"]["total"]


def test_the_example_page_localizes_an_image_and_keeps_no_token(browser, example, gateway, enrolled, sandbox, picture):
    open_example(browser, example, gateway)
    browser.complaints()
    assert not browser.driver.find_element(By.ID, "ar").is_displayed(), "there is no AR here"
    picture("before")
    localize_test_image(browser)
    assert pose_shown(browser) == POSE
    picture("found")
    assert browser.complaints() == []
    api = sandbox.admin("GET", "/stats")["api"]
    assert (api["total"], api["accepted"]) == (1, 1)

    token = enrolled.app.token()[1]["access_token"]
    kept = browser.driver.execute_script(
        "return JSON.stringify([document.documentElement.outerHTML, location.href, document.cookie, {...localStorage}, {...sessionStorage},"
        " performance.getEntries().map(entry => entry.name)])")
    assert refusals(gateway) == 0 and f"127.0.0.1:{gateway.port}/v1/m2m/token" in kept
    assert token not in kept and token.split(".")[2] not in kept
    # Whatever were put into the page, it could send the image nowhere else.
    assert browser.settled(f"(await fetch('http://{EVIL}:{example.port}/')).status").startswith("refused: TypeError")
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


def png(width, height, comment):
    """A black picture in a file that says more than the picture."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"tEXt", b"Comment\0" + comment) + chunk(b"IDAT", zlib.compress((b"\0" * (width + 1)) * height)) + chunk(b"IEND", b""))


def test_a_photograph_is_sent_at_a_sane_size_without_what_else_its_file_says(browser, example, gateway, tmp_path):
    (tmp_path / "photo.png").write_bytes(png(4000, 1000, b"taken at home"))
    open_example(browser, example, gateway)
    browser.driver.execute_script("const send = fetch; fetch = (to, init) => { window.sent = init.body; return send(to, init); }")
    browser.labelled("Image file").send_keys(str(tmp_path / "photo.png"))
    wait_until(lambda: browser.value("image-hint") == "photo.png, 1280 × 320 pixels.", "the image is there")
    browser.fill("Map code", "hall-1")
    browser.press("Localize")
    assert pose_shown(browser) == POSE
    fields = browser.settled("Object.fromEntries(await Promise.all("
                             "[...sent].map(async ([name, value]) => [name, value.text ? await value.text() : value])))")
    image = fields.pop("queryImage")
    assert fields == {"fx": "1109", "fy": "1109", "px": "640", "py": "160", "width": "1280", "height": "320", "isRightHanded": "true",
                      "mapCode": "hall-1"}
    assert "JFIF" in image[:20] and "taken at home" not in image

    (tmp_path / "notes.txt").write_text("no image")
    browser.labelled("Image file").send_keys(str(tmp_path / "notes.txt"))
    assert problem_shown(browser) == ("notes.txt is no image that this browser can read.", "Choose a JPEG or PNG file.")


def test_the_example_page_is_used_by_keyboard_alone(browser, example, gateway):
    open_example(browser, example, gateway)

    def focused():
        return browser.driver.switch_to.active_element.get_attribute("id")

    def type_in(*keys):
        ActionChains(browser.driver).send_keys(*keys).perform()

    def tab_to(name):
        wait_until(lambda: type_in(Keys.TAB) or focused() == name, f"Tab leads to {name}", 5)

    tab_to("test-image")
    type_in(Keys.SPACE)
    wait_until(lambda: "960 × 540" in browser.value("image-hint"), "the image is there")
    tab_to("map-code")
    type_in("hall-1", Keys.ENTER)
    assert pose_shown(browser) == POSE
    assert focused() == "map-code", "the focus stays where it was"
    names = browser.driver.execute_script(
        "return [...document.querySelectorAll('input, button, summary')]"
        ".map(each => [each.id, (each.labels?.[0] ?? each).textContent.trim()])")
    assert all(text for _, text in names), names


# A device that is made up: what the page does with WebXR can be shown with it, and not that a browser's WebXR does the same.
MADE_UP_AR = """
const width = 40, height = 20;
const camera = { width, height };
const projectionMatrix = [2, 0, 0, 0, 0, 3, 0, 0, 0.5, 0.25, -1, -1, 0, 0, 0, 0];
let frames = 0;
class Session extends EventTarget {
  updateRenderState() {}
  async requestReferenceSpace() { return {}; }
  requestAnimationFrame(step) {
    const views = frames++ ? [{ camera, projectionMatrix }] : [{}];  // the first frame has no camera yet
    setTimeout(() => step(0, { getViewerPose: () => ({ views }) }));
  }
  async end() { window.ended = true; this.dispatchEvent(new Event('end')); }
}
window.XRWebGLLayer = class {};
window.XRWebGLBinding = class {
  constructor(_, gl) { this.gl = gl; }
  getCameraImage() {
    const { gl } = this;
    const pixels = new Uint8Array(width * height * 4);
    for (let i = 0; i < width * height; ++i) pixels.set(i < width * height / 2 ? [255, 0, 0, 255] : [0, 0, 255, 255], i * 4);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);  // the lower half is red
    return gl.getParameter(gl.TEXTURE_BINDING_2D);
  }
};
Object.defineProperty(navigator, 'xr', { value: {
  isSessionSupported: async mode => mode === 'immersive-ar',
  requestSession: async (mode, { requiredFeatures }) => {
    if (window.refuses || mode !== 'immersive-ar' || !requiredFeatures.includes('camera-access')) throw new Error('not allowed');
    return new Session();
  } } });
"""


def test_where_there_is_ar_the_image_can_be_its_cameras(browser, example, gateway, picture):
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": MADE_UP_AR})
    try:
        open_example(browser, example, gateway)
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    button = browser.driver.find_element(By.ID, "ar")
    wait_until(button.is_displayed, "AR is offered")
    browser.driver.execute_script("window.refuses = true")
    button.click()
    what, after = problem_shown(browser)
    assert "not allowed" in what and "image file" in after
    browser.driver.execute_script("window.refuses = false")
    button.click()
    wait_until(lambda: browser.value("image-hint") == "AR image, 40 × 20 pixels.", "the image is there: " + browser.text)
    picture("ar")
    assert browser.driver.execute_script(
        "const pen = document.getElementById('image').getContext('2d');"
        "return [window.ended, [...pen.getImageData(0, 0, 1, 1).data], [...pen.getImageData(0, 19, 1, 1).data]]") == [
            True, [0, 0, 255, 255], [255, 0, 0, 255]]
    camera = browser.driver.execute_script("return ['fx', 'fy', 'px', 'py'].map(name => document.getElementById(name).valueAsNumber)")
    assert camera == [40, 30, 10, 12.5]
    browser.fill("Map code", "hall-1")
    browser.press("Localize")
    assert pose_shown(browser) == POSE


def test_the_page_says_what_to_do_where_its_origin_is_not_allowed(browser, example, gateway, sandbox, picture):
    before = counted(sandbox)
    open_example(browser, example, gateway, host="127.0.0.1")  # the same page, and another origin
    localize_test_image(browser)
    origin = f"http://127.0.0.1:{example.port}"
    what, after = problem_shown(browser)
    assert what == f"fob-gateway does not let pages of {origin} use it." and f'Add "{origin}" to origins' in after
    picture("origin-not-allowed")
    assert f"pages of {origin} may not use" in gateway.log.read_text()
    assert counted(sandbox) == before


def test_the_page_says_what_to_do_where_the_gateway_does_not_run(browser, example, gateway, picture):
    open_example(browser, example, gateway)
    gateway.stop()
    localize_test_image(browser)
    what, after = problem_shown(browser)
    assert what == f"Nothing answers at http://127.0.0.1:{gateway.port}." and "Start fob-gateway" in after
    picture("not-running")


def test_the_page_says_what_to_do_where_the_route_is_not_passed_on(browser, example, configure, enrolled, picture):
    configure(routes=["GET /v1/vps/map"])
    enrolled.start()
    gateway = Gateway(enrolled, enrolled.port)
    open_example(browser, example, gateway)
    localize_test_image(browser)
    what, after = problem_shown(browser)
    assert what == f"fob-gateway does not pass on POST {QUERY}." and f'Add "POST {QUERY}" to routes' in after
    picture("not-passed-on")
    gateway.stop()


def test_the_page_shows_the_gateways_own_words_where_there_is_no_token(browser, example, configure, enrolled, picture):
    configure('\n[[grant]]\nprofiles = ["prod-query"]\nuser = "nobody"\n')
    enrolled.start()
    gateway = Gateway(enrolled, enrolled.port)
    open_example(browser, example, gateway)
    localize_test_image(browser)
    status, _, body = gateway.token()
    what, _ = problem_shown(browser)
    assert "not granted" in what and what == f"The answer was {status}: {json.loads(body)['error']}"
    picture("no-grant")

    enrolled.stop()
    browser.press("Localize")
    wait_until(lambda: "503" in browser.value("what"), "the page tells the other problem")
    assert "fobd is not running" in browser.value("what") and "Trying again" in browser.value("next")
    gateway.stop()


@pytest.mark.parametrize("address", [
    "https://evil.example", f"http://{EVIL}:8787", "http://127.0.0.1.evil.test:8787", "http://user@127.0.0.1:8787",
    "http://127.0.0.1:8787@evil.test", "http://127.0.0.1:8787/path", "http://127.0.0.1:8787?x", "//evil.test", "http://2130706433:8787",
    "http://127.0.0.1:99999", "javascript:alert(1)", ""])
def test_the_page_sends_nothing_to_a_gateway_that_is_not_on_this_device(browser, example, address, picture):
    browser.open(f"{example.origin}/?gateway={address.replace('?', '%3F')}")
    what, after = problem_shown(browser)
    assert what.endswith("is not on this device.") and "http://127.0.0.1:PORT" in after
    browser.press("Use test image")
    browser.labelled("Map code").send_keys("hall-1", Keys.ENTER)
    assert not browser.driver.find_element(By.ID, "localize").is_enabled()
    asked = browser.driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert {name.rsplit("/", 1)[0] for name in asked} == {example.origin}
    if address.startswith("https"):
        picture("not-on-this-device")


# What a page can do to send a request, and what it then can read: the path, and an expression of JavaScript in which `to` is the URL,
# `form` the fields of a localization and `came` what becomes of an element.
# With it: how many requests come through to upstream where the page is of an allowed origin, and what that page reads.
ATTEMPTS = {
    "fetch a token": (
        "/v1/m2m/token",
        "fetch(to, {method: 'POST', headers: {Authorization: 'Basic ' + btoa('fob:fob')}, body: '{}'}).then(a => a.text())",
        0, '"token"'),
    "fetch a token by a form's body": (
        "/oauth/token",
        "fetch(to, {method: 'POST', body: new URLSearchParams('grant_type=client_credentials&client_id=fob&client_secret=fob')})"
        ".then(a => a.text())", 0, '"access_token"'),
    "fetch a pose": (QUERY, "fetch(to, {method: 'POST', body: form}).then(a => a.text())", 1, "poseFound"),
    "fetch a list": ("/v1/vps/map", "fetch(to).then(a => a.text())", 1, "total"),
    "fetch with the user's cookies": ("/v1/vps/map", "fetch(to, {credentials: 'include'}).then(a => a.text())", 1, None),
    "post without reading": (
        QUERY, "fetch(to, {method: 'POST', mode: 'no-cors', body: form}).then(async a => a.type + a.status + await a.text())",
        1, "opaque0"),
    "get without reading": (
        "/v1/vps/map", "fetch(to, {mode: 'no-cors'}).then(async a => a.type + a.status + await a.text())", 0, "opaque0"),
    "a beacon": (QUERY, "navigator.sendBeacon(to, form)", 1, "true"),
    "an image": ("/v1/vps/map", "came('img', {src: to})", 0, "error"),
    "an image with its origin": ("/v1/vps/map", "came('img', {crossOrigin: 'anonymous', src: to})", 1, "error"),
    "a script": ("/v1/vps/map", "came('script', {src: to})", 0, "error"),
    "a script with its origin": ("/v1/vps/map", "came('script', {crossOrigin: 'anonymous', src: to})", 1, None),
    "a style": ("/v1/vps/map", "came('link', {rel: 'stylesheet', href: to})", 0, None),
    "a frame": ("/v1/vps/map", "came('iframe', {src: to})", 0, None),
}
TRY = """
const [to, act, done] = arguments;
const form = new FormData();
for (const name of ['fx', 'fy', 'px', 'py', 'width', 'height']) form.append(name, 1);
form.append('mapCode', 'hall-1');
form.append('queryImage', new Blob(['x']), 'x.jpg');
const came = (tag, properties) => new Promise(resolve => {
  const element = document.createElement(tag);
  element.onload = element.onerror = event => {
    let inside = '';
    try { inside = element.contentDocument?.body.innerText ?? ''; } catch {}
    resolve(event.type + inside + (element.naturalWidth ?? ''));
  };
  document.body.append(Object.assign(element, properties));
});
const read = new Function('to', 'form', 'came', 'return ' + act)(to, form, came);
Promise.resolve(read).then(text => done(String(text)), error => done('refused: ' + error));
"""


def attempt(browser, gateway, name, host="127.0.0.1"):
    """Lets the page that is open try it: what it could read."""
    path, act, _, _ = ATTEMPTS[name]
    return browser.driver.execute_async_script(TRY, f"http://{host}:{gateway.port}{path}?{name.replace(' ', '-')}", act)


def refusals(gateway):
    return gateway.log.read_text().count("audit: refused")


def test_each_attempt_works_from_a_page_that_is_allowed(browser, friend, gateway, sandbox):
    """Or, where a browser would not say whose page it is, fails from there too: so the next test's refusals are the gateway's."""
    for name, (_, _, calls, reads) in ATTEMPTS.items():
        browser.open(friend.url)
        (before, exchanges), refused = counted(sandbox), refusals(gateway)
        read = attempt(browser, gateway, name)
        if reads:
            assert reads in read, name
        if calls:
            wait_until(lambda: counted(sandbox) == (before + calls, exchanges), f"{name} comes through")
        elif reads and "token" in reads:
            assert refusals(gateway) == refused, name
        else:
            wait_until(lambda: refusals(gateway) > refused, f"{name} is refused: it has no origin")


def open_a_game_of_this_site(browser, stranger, **_):
    browser.open(stranger.url)
    return "pages of http://localhost"


def open_a_game_of_another_site(browser, stranger, **_):
    browser.open(stranger.url.replace("localhost", EVIL))
    return f"pages of http://{EVIL}"


def open_a_data_url(browser, **_):
    browser.open("data:text/html,<h1>A game</h1>")
    return "pages of null"


def open_a_sandboxed_frame(browser, friend, **_):
    """In an allowed page even: what it shows in a frame of this kind is none of its own."""
    browser.open(friend.url)
    browser.driver.execute_script("document.body.append(Object.assign(document.createElement('iframe'),"
                                  " {sandbox: 'allow-scripts allow-forms', srcdoc: '<h1>A game</h1>'}))")
    browser.driver.switch_to.frame(0)
    wait_until(lambda: browser.driver.find_elements(By.TAG_NAME, "h1"), "the frame is there")
    return "pages of null"


@pytest.fixture(params=[open_a_game_of_this_site, open_a_game_of_another_site, open_a_data_url, open_a_sandboxed_frame],
                ids=lambda f: f.__name__.removeprefix("open_"))
def open_foreign(request, browser, stranger, friend):
    """Opens a page that is not of an allowed origin; returns what the gateway has to say of it."""
    yield lambda: request.param(browser=browser, stranger=stranger, friend=friend)
    browser.driver.switch_to.default_content()


def holds_nothing(text, token):
    return not any(word in text for word in ("poseFound", "position", '"total"', '"token"', "access_token", "eyJ", token))


def test_from_a_foreign_page_nothing_is_read_and_nothing_happens(browser, open_foreign, gateway, enrolled, sandbox):
    token = enrolled.app.token()[1]["access_token"]
    before = counted(sandbox)
    for name in ATTEMPTS:
        said = open_foreign()
        refused = refusals(gateway)
        read = attempt(browser, gateway, name)
        assert holds_nothing(read, token), (name, read)
        if "fetch" in name:
            assert read.startswith("refused: TypeError"), (name, read)
        wait_until(lambda: refusals(gateway) > refused, f"the gateway refuses {name}")
        assert counted(sandbox) == before, name
        browser.driver.switch_to.default_content()
    assert said in gateway.log.read_text()


FORMS = [  # path, encoding, fields, what an allowed page's form would lead to
    (QUERY, "multipart/form-data", {"mapCode": "hall-1"}, "poseFound"),
    (QUERY, "application/x-www-form-urlencoded", {"mapCode": "hall-1"}, "poseFound"),
    (QUERY, "text/plain", {'{"mapCode":"': '"}'}, "poseFound"),
    ("/oauth/token", "application/x-www-form-urlencoded",
     {"grant_type": "client_credentials", "client_id": "fob", "client_secret": "fob"}, "access_token"),
]


def post_form(browser, gateway, path, encoding, fields):
    """What the window shows once the form that the page sends by itself has led somewhere."""
    browser.driver.execute_script(
        "window.isLeft = true;"
        "const form = Object.assign(document.createElement('form'), {method: 'post', action: arguments[0], enctype: arguments[1]});"
        "for (const [name, value] of Object.entries(arguments[2]))"
        "  form.append(Object.assign(document.createElement('input'), {name, value}));"
        "document.body.append(form); form.submit();", f"http://127.0.0.1:{gateway.port}{path}", encoding, fields)
    wait_until(browser.is_elsewhere, "the form leads to another page")
    return browser.text


def test_a_form_comes_through_from_an_allowed_page_and_from_no_other(browser, friend, open_foreign, gateway, enrolled, sandbox):
    token = enrolled.app.token()[1]["access_token"]
    for path, encoding, fields, leads_to in FORMS:
        earlier = counted(sandbox)
        browser.open(friend.url)
        assert leads_to in post_form(browser, gateway, path, encoding, fields)
        before, refused = counted(sandbox), refusals(gateway)
        assert before == (earlier[0] + (path == QUERY), earlier[1])

        said = open_foreign()
        shown = post_form(browser, gateway, path, encoding, fields)
        assert "may not use fob-gateway" in shown and holds_nothing(shown, token), shown
        assert said in gateway.log.read_text() and refusals(gateway) > refused
        assert counted(sandbox) == before
        browser.driver.switch_to.default_content()


def test_a_name_that_was_made_to_lead_here_reads_nothing_though_the_browser_lets_it(browser, friend, gateway, enrolled, sandbox):
    token = enrolled.app.token()[1]["access_token"]
    before = counted(sandbox)
    browser.open(f"http://{EVIL}:{gateway.port}/v1/vps/map")  # from here on the gateway is of the page's own origin
    assert "not evil.test" in browser.text and holds_nothing(browser.text, token)
    for name in ATTEMPTS:
        # Each from a page of its own: of refusals that are the same, the audit tells 32 a minute.
        browser.open(f"http://{EVIL}:{gateway.port}/v1/vps/map/{name.replace(' ', '-')}")
        refused = refusals(gateway)
        read = attempt(browser, gateway, name, host=EVIL)
        assert holds_nothing(read, token), (name, read)
        if name.startswith("fetch"):
            assert "not evil.test" in read, "the browser does let it read: it is told nothing"
        wait_until(lambda: refusals(gateway) > refused, f"the gateway refuses {name}")
    assert counted(sandbox) == before

    # It is the name alone: the same requests of an allowed page come through by the gateway's own.
    for name in ("fetch a token", "fetch a pose"):
        browser.open(friend.url)
        assert attempt(browser, gateway, name, host=EVIL).startswith("refused: TypeError")
        assert ATTEMPTS[name][3] in attempt(browser, gateway, name, host="localhost")
    assert counted(sandbox) == (before[0] + 1, before[1])
    assert f"and not {EVIL}:{gateway.port}" in gateway.log.read_text()


def test_an_address_that_somebody_types_or_follows_leads_to_no_answer(browser, gateway, stranger, sandbox):
    before = counted(sandbox)
    for url in (f"http://127.0.0.1:{gateway.port}/v1/vps/map", f"http://localhost:{gateway.port}/v1/vps/map"):
        browser.open(url)
        assert "does not say for which origin" in browser.text
        browser.open(stranger.url)
        browser.driver.execute_script("document.body.innerHTML = `<a href='${arguments[0]}'>Play</a>`", url)
        browser.go("Play")
        assert "does not say for which origin" in browser.text
    assert counted(sandbox) == before
