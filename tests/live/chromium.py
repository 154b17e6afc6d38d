#!/usr/bin/env python3
"""The user's browser in the live tests, as $BROWSER: chromium.py ADDRESS

A real Chromium without a window and with a new profile opens the address, and a user fills in what Keycloak
asks: name and password ($CHROMIUM_USER, $CHROMIUM_PASSWORD), then the question whether the client may
($CHROMIUM_CONSENT: yes or no). It ends at the page of another server, the program that waits. What is to be
seen there is written to $CHROMIUM_SEEN as JSON, and a picture of it beside, FILE.png.

It is driven over its debugging pipe, with nothing but Python and Debian's package chromium.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

TIME_MAX_S = 60


class Chromium:
    """The protocol: JSON, with a zero byte behind each message, on the file descriptors 3 and 4."""

    def __init__(self, profile):
        from_us, self.output = os.pipe()
        self.input, to_us = os.pipe()
        self.received, self.count, self.events = b"", 0, []
        self.deadline = time.monotonic() + TIME_MAX_S

        def place_pipes():
            # Moved out of the way first: either may be 3 or 4 already.
            reading, writing = os.dup(from_us), os.dup(to_us)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        arguments = [
            "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run",
            "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server", "--window-size=800,400",
            # It goes nowhere but to the address, and its user may be root in a container.
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-sandbox",
            "about:blank",
        ]
        self.process = subprocess.Popen(
            ["chromium", *arguments], preexec_fn=place_pipes, close_fds=False,
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)

    def call(self, method, session=None, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def message(self):
        while b"\0" not in self.received:
            if not select.select([self.input], [], [], max(0, self.deadline - time.monotonic()))[0]:
                raise RuntimeError("Chromium says nothing")
            part = os.read(self.input, 1 << 16)
            if not part:
                raise RuntimeError("Chromium has ended")
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def end(self):
        self.process.terminate()
        self.process.wait()


class Tab:
    def __init__(self, chromium, address):
        self.chromium = chromium
        target = chromium.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = chromium.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Network.enable")
        self.call("Page.enable")
        self.call("Page.navigate", url=address)

    def call(self, method, **parameters):
        return self.chromium.call(method, self.session, **parameters)

    def evaluate(self, expression):
        """None while one page gives way to another."""
        try:
            result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        except RuntimeError:
            return None
        return result["result"].get("value")

    def status(self):
        """The HTTP status of the page that is shown."""
        shown = [
            event["params"]["response"]["status"]
            for event in self.chromium.events
            if event.get("method") == "Network.responseReceived" and event["params"]["type"] == "Document"
        ]
        return shown[-1] if shown else None

    def asked_for(self):
        return [
            event["params"]["request"]["url"].partition("?")[0]
            for event in self.chromium.events
            if event.get("method") == "Network.requestWillBeSent"
        ]


def log_in(tab, address):
    user, password = os.environ["CHROMIUM_USER"], os.environ["CHROMIUM_PASSWORD"]
    button = "accept" if os.environ.get("CHROMIUM_CONSENT", "yes") == "yes" else "cancel"
    fill_in = f"""(() => {{
        const whole = document.readyState === 'complete';
        const name = document.getElementById('username'), button = document.getElementsByName('{button}')[0];
        if (whole && !window.sent && name) {{
            window.sent = true;
            name.value = {json.dumps(user)};
            document.getElementById('password').value = {json.dumps(password)};
            document.getElementById('kc-login').click();
        }} else if (whole && !window.sent && button) {{
            window.sent = true;
            button.click();
        }}
        return [whole, location.origin];
    }})()"""
    server = urlsplit(address)
    while time.monotonic() < tab.chromium.deadline:
        whole, origin = tab.evaluate(fill_in) or (False, "null")
        if whole and origin.startswith("http") and origin != f"{server.scheme}://{server.netloc}":
            return
        time.sleep(0.05)
    raise RuntimeError(f"no way back; it ended at {tab.evaluate('document.body.innerText')!r}")


def look(tab, seen):
    # A browser asks for the icon after the page.
    time.sleep(0.3)
    shown = tab.evaluate(
        "({title: document.title, text: document.body.innerText, address: location.pathname, "
        "scripts: document.scripts.length})"
    )
    picture = tab.call("Page.captureScreenshot", format="png")["data"]
    with open(f"{seen}.png", "wb") as file:
        file.write(base64.b64decode(picture))
    with open(f"{seen}.new", "w") as file:
        json.dump({**shown, "status": tab.status(), "asked_for": tab.asked_for()}, file)
    os.rename(f"{seen}.new", seen)


def main(address):
    # The terminal may be closed as soon as the login has worked.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    profile = tempfile.mkdtemp()
    chromium = Chromium(profile)
    try:
        tab = Tab(chromium, address)
        log_in(tab, address)
        look(tab, os.environ["CHROMIUM_SEEN"])
    finally:
        chromium.end()
        shutil.rmtree(profile, ignore_errors=True)


main(sys.argv[1])
