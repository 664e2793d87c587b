"""Downloads the file with a given SHA-256 of a package from the Python index, with the standard library alone.

For a Python without pip. Arguments: package, SHA-256, where to write it. Uses the index that pip would.
"""

import configparser
import html.parser
import os
import shutil
import sys
import urllib.parse
import urllib.request

TIMEOUT = 60


class Links(html.parser.HTMLParser):
    """The links of an index page (PEP 503); each ends with the hash of its file."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found.append(dict(attrs).get("href") or "")


def index():
    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    config = configparser.ConfigParser(interpolation=None)
    config.read(["/etc/pip.conf", os.path.expanduser("~/.config/pip/pip.conf")])
    return config.get("global", "index-url", fallback="https://pypi.org/simple")


def main(package, sha256, target):
    page, links = f"{index().rstrip('/')}/{package}/", Links()
    with urllib.request.urlopen(page, timeout=TIMEOUT) as answer:
        links.feed(answer.read().decode())
    urls = [link for link in links.found if link.endswith(f"#sha256={sha256}")]
    if not urls:
        sys.exit(f"{page} has no file with SHA-256 {sha256}")
    with urllib.request.urlopen(urllib.parse.urljoin(page, urls[0]), timeout=TIMEOUT) as file, open(target, "wb") as out:
        shutil.copyfileobj(file, out)


main(*sys.argv[1:])
