"""The user at the browser for Tiled's own device flow: logs in at Keycloak, which leads back to Tiled, and
enters the code there. For tests/live/tiled.sh; standard library only.

    tiled_user.py AUTHORIZATION_URI USER_CODE
"""
import html.parser
import http.cookiejar
import sys
import urllib.error
import urllib.parse
import urllib.request


class Form(html.parser.HTMLParser):
    """The first form of a page."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields, self.is_inside = None, {}, False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action, self.is_inside = attributes.get("action") or "", True
        elif tag == "input" and self.is_inside and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""

    def handle_endtag(self, tag):
        self.is_inside = self.is_inside and tag != "form"


class Cookies(http.cookiejar.DefaultCookiePolicy):
    """Keycloak marks its cookies as secure, and loopback counts as that."""

    def return_ok_secure(self, cookie, request):
        return True


def main(page, code):
    jar = http.cookiejar.CookieJar(Cookies())
    handlers = urllib.request.HTTPCookieProcessor(jar), urllib.request.ProxyHandler({})
    browser = urllib.request.build_opener(*handlers)

    def submit(answer, **typed):
        form = Form(answer.read().decode())
        unknown = set(typed) - set(form.fields)
        if unknown:
            sys.exit(f"no field {unknown} in the form at {answer.geturl()}")
        fields = urllib.parse.urlencode({**form.fields, **typed}).encode()
        try:
            return browser.open(urllib.parse.urljoin(answer.geturl(), form.action), fields, timeout=30)
        except urllib.error.HTTPError as error:
            sys.exit(f"{typed} at {answer.geturl()}: {error.code} {error.read().decode()}")

    answer = browser.open(page, timeout=30)
    answer = submit(answer, username="alice", password="alice-password")
    said = submit(answer, user_code=code).read().decode()
    if "Success" not in said:
        sys.exit(said)


if __name__ == "__main__":
    main(*sys.argv[1:])
