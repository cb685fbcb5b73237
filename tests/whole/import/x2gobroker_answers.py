#!/usr/bin/python3
"""Answers for x2gobroker: which profiles does a user get, and what does X2Go Client make of them?

Reads one JSON object a line, and prints one a line:

    {"profiles": "text of x2gobroker-sessionprofiles.conf", "settings": "text of x2gobroker.conf",
     "asks": [{"user": "alice", "groups": ["staff"], "client": "10.0.0.1"}, ...]}
    {"answers": [{"profile id": {"key": "value as the client reads it", ...}, ...}, ...]}

or {"failed": "..."} where x2gobroker fails. x2gobroker's own code decides; only the user database is replaced.
"""

import json
import os
import sys
import tempfile

os.environ["X2GOBROKER_TESTSUITE"] = "1"

from PyQt5.QtCore import QSettings  # noqa: E402
import x2gobroker.brokers.inifile_broker as backend  # noqa: E402


class Groups:
    """Stands for a name service module."""

    def __init__(self, groups):
        self.groups = groups

    def X2GoBrokerNameService(self):
        return self

    def get_user_groups(self, username, primary_groups=False):
        return list(self.groups)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def line(key, value):
    """One key as the plain front end prints it."""
    if isinstance(value, str):
        return f"{key}={value}"
    if isinstance(value, (list, tuple)):
        return f"{key}={','.join(value)}"
    return f"{key}={int(value)}"


def as_the_client_reads(folder, profile):
    # A fresh name each time, for QSettings keeps what it has read.
    name = f"reply-{len(os.listdir(folder))}.ini"
    path = write(folder, name, "[p]\n" + "\n".join(line(*item) for item in profile.items()) + "\n")
    settings = QSettings(path, QSettings.IniFormat)
    settings.beginGroup("p")
    values = {key: settings.value(key) for key in settings.childKeys()}
    settings.endGroup()
    # Neither a list nor an invalid value is a text for the client.
    return {key: value if isinstance(value, str) else "" for key, value in values.items()}


def answer(folder, site, number):
    folder = os.path.join(folder, str(number))
    os.mkdir(folder)
    profiles = write(folder, "profiles.conf", site["profiles"])
    settings = write(folder, "settings.conf", site["settings"])
    broker = backend.X2GoBroker(profile_config_file=profiles, config_file=settings)
    answers = []
    for ask in site["asks"]:
        broker.nameservice_module = Groups(ask["groups"])
        broker.set_client_address(ask["client"])
        if site.get("keys"):
            offered = broker.list_profiles(ask["user"])
            answers.append({key: as_the_client_reads(folder, profile) for key, profile in offered.items()})
        else:
            offered = broker.get_profile_ids_for_user(ask["user"])
            answers.append({key: {} for key in offered})
    return {"answers": answers}


def main():
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(sys.stdin):
            try:
                reply = answer(folder, json.loads(text), number)
            except Exception as error:  # whatever x2gobroker trips over
                reply = {"failed": f"{type(error).__name__}: {error}"}
            print(json.dumps(reply), flush=True)


main()
