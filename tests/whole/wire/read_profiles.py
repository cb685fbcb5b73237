#!/usr/bin/python3
"""Reads INI files as X2Go Client reads the profiles a broker sent: with QSettings, IniFormat, default codec.

Prints a JSON list with one object per file: {section: {key: value}}. Keys outside any section are in "".
Whatever is not a plain string for the client (a list, an invalid value) is printed as {"not a string": ...}.
"""

import json
import sys

from PyQt5.QtCore import QSettings


def plain(value):
    return value if isinstance(value, str) else {"not a string": repr(value)}


def profiles(path):
    settings = QSettings(path, QSettings.IniFormat)
    if settings.status() != QSettings.NoError:
        sys.exit(f"{path}: QSettings reports an error in the format")
    sections = {"": {key: plain(settings.value(key)) for key in settings.childKeys()}}
    for section in settings.childGroups():
        settings.beginGroup(section)
        sections[section] = {key: plain(settings.value(key)) for key in settings.allKeys()}
        settings.endGroup()
    if not sections[""]:
        del sections[""]
    return sections


json.dump([profiles(path) for path in sys.argv[1:]], sys.stdout)
