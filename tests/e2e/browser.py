"""A real Chromium without a screen, used as a person uses it: by the words on the page. Its profile, its downloads and all
else that it writes are in a directory of the test's own.
"""
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from fob import PATIENCE, wait_until

FLAGS = (
    "--headless=new", "--window-size=1200,800",
    "--no-sandbox",  # tests run as root, for which Chromium has none
    "--disable-dev-shm-usage",  # a chroot's /dev/shm may be small
    "--disable-gpu", "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update")


class Browser:
    def __init__(self, directory, *flags, script=True):
        home = Path(directory)
        self.downloads = home / "downloads"
        self.downloads.mkdir(parents=True)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in (*FLAGS, f"--user-data-dir={home / 'profile'}", *flags):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {
            "download.default_directory": str(self.downloads),
            "profile.managed_default_content_settings.javascript": 1 if script else 2})
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # The driver is named, or Selenium would go and look for one; and it is on this machine, whatever proxy there is.
        options.ignore_local_proxy_environment_variables()
        service = Service("/usr/bin/chromedriver", env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"})
        self.driver = webdriver.Chrome(service=service, options=options)
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.set_script_timeout(PATIENCE)

    def close(self):
        self.driver.quit()

    def open(self, url):
        self.driver.get(url)

    @property
    def url(self):
        return self.driver.current_url

    @property
    def text(self):
        """What there is to read on the page."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    @property
    def heading(self):
        return self.driver.find_element(By.TAG_NAME, "h1").text

    def one(self, path, inside=None):
        """The one element that there is at this XPath."""
        found = (inside or self.driver).find_elements(By.XPATH, path)
        assert len(found) == 1, (path, len(found), self.url, self.text)
        return found[0]

    def labelled(self, label):
        """The input that a label of these words is for."""
        return self.driver.find_element(By.ID, self.one(f"//label[starts-with(normalize-space(), '{label}')]").get_attribute("for"))

    def fill(self, label, text):
        field = self.labelled(label)
        field.clear()
        field.send_keys(text)

    def press(self, name, inside=None):
        """Presses the button, or the link, of this name."""
        self.one(f".//*[self::button or self::a][normalize-space()='{name}']", inside).click()

    def go(self, name, inside=None):
        """Presses what leads to another page, and waits until it is there: WebDriver may be back before."""
        self.driver.execute_script("window.isLeft = true")
        self.press(name, inside)
        wait_until(self.is_elsewhere, f"“{name}” leads to another page")

    def is_elsewhere(self):
        try:
            return self.driver.execute_script("return !window.isLeft && document.readyState === 'complete'")
        except WebDriverException:  # between two pages there is none to ask
            return False

    def value(self, name):
        """What the page shows under this id."""
        return self.driver.find_element(By.ID, name).text

    def row(self, name):
        """A table's row, by what is in its first column: what it says in each, and the row itself."""
        row = self.one(f"//tr[th[normalize-space()='{name}']]")
        heads = [head.text for head in self.driver.find_elements(By.XPATH, "//thead//th")]
        return dict(zip(heads, [cell.text for cell in row.find_elements(By.XPATH, "./*")])), row

    def allow(self, url, *permissions):
        self.driver.execute_cdp_cmd("Browser.grantPermissions", {"origin": url, "permissions": list(permissions)})

    def deny(self, url, permission):
        self.driver.execute_cdp_cmd("Browser.setPermission",
                                    {"origin": url, "permission": {"name": permission}, "setting": "denied"})

    def settled(self, promise):
        """What a promise of the page comes to; "refused: …" if it is rejected."""
        return self.driver.execute_async_script(
            "const done = arguments[0]; (async () => " + promise + ")().then(done, e => done('refused: ' + e));")

    def downloaded(self):
        """The one file that was downloaded, once all of it is there."""
        def whole():
            files = list(self.downloads.iterdir())
            return files if files and not any(file.name.endswith((".crdownload", ".tmp")) or file.name.startswith(".")
                                              for file in files) else None
        files = wait_until(whole, "the browser downloads a file")
        assert len(files) == 1, files
        return files[0]

    def complaints(self):
        """What the browser had to say against the pages since it was last asked, such as a policy that was violated."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


class Site:
    """A web site of somebody else's: one page, on a port of its own."""

    def __init__(self, page):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the name that http.server wants)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
