#!/usr/bin/env python3
"""Holds the crates of Cargo.lock against deny.toml: licences, duplicates, bans, sources."""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict

with open("deny.toml", "rb") as file:
    RULES = tomllib.load(file)
if len(sys.argv) > 1:  # Another machine's answer, to try this script.
    with open(sys.argv[1]) as file:
        METADATA = json.load(file)
else:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    METADATA = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def accepts(expression, allowed):
    """Whether an SPDX expression can be met by these licences. `/` is an older `OR`."""
    words = re.findall(r"[()]|[^\s()/]+|/", expression or "")
    words = ["OR" if word == "/" else word for word in words]

    def alternatives():
        accepted = conjunction()
        while words[:1] == ["OR"]:
            words.pop(0)
            accepted = conjunction() or accepted
        return accepted

    def conjunction():
        accepted = licence()
        while words[:1] == ["AND"]:
            words.pop(0)
            accepted = licence() and accepted
        return accepted

    def licence():
        if not words:
            return False
        word = words.pop(0)
        if word == "(":
            accepted = alternatives()
            return words[:1] == [")"] and words.pop(0) == ")" and accepted
        if words[:1] == ["WITH"]:  # An exception permits more.
            del words[:2]
        return word in allowed

    return alternatives() and not words


def is_version(version, rule):
    return version == rule or version.startswith(rule + ".")


wrong = []
versions = defaultdict(set)
used, skipped = set(), set()
allowed = set(RULES["licenses"]["allow"])
for package in METADATA["packages"]:
    name, version, licence = package["name"], package["version"], package["license"]
    versions[name].add(version)
    if not accepts(licence, allowed):
        wrong.append(f"{name} {version} has the licence {licence}, which deny.toml does not allow")
    used.update(allow for allow in allowed if allow in re.findall(r"[\w.+-]+", licence or ""))
    source = package["source"]
    if source is not None and not source.startswith("registry+https://github.com/rust-lang/crates.io-index"):
        wrong.append(f"{name} {version} comes from {source}")
    if source is None:
        for dependency in package["dependencies"]:
            if dependency["req"] == "*" and dependency.get("path") is None:
                wrong.append(f"{name} takes any version of {dependency['name']}")

for ban in RULES["bans"]["deny"]:
    if ban["name"] in versions:
        wrong.append(f"{ban['name']} is banned: {ban['reason']}")

for name, several in sorted(versions.items()):
    left = set(several)
    for skip in RULES["bans"]["skip"]:
        matches = {version for version in several if is_version(version, skip["version"])}
        if skip["name"] == name and len(several) > 1 and matches:
            skipped.add(name)
            left -= matches
    if len(left) > 1:
        wrong.append(f"{name} is there {len(left)} times: {', '.join(sorted(left))}")

# What nothing needs any more hides what comes next.
wrong += [f"deny.toml allows {licence}, which no crate has" for licence in sorted(allowed - used)]
unused = {skip["name"] for skip in RULES["bans"]["skip"]} - skipped
wrong += [f"deny.toml skips {name}, which is there once" for name in sorted(unused)]

for line in wrong:
    print(line)
print(f"- {len(METADATA['packages'])} crates: licences, duplicates, bans and sources; advisories are not reached")
sys.exit(bool(wrong))
