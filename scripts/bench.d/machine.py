"""What the figures were measured on: without it they say nothing."""

import os
import pathlib
import platform
import re
import subprocess


def describe(root: pathlib.Path) -> dict:
    return {
        'processor': processor(),
        'cores': os.cpu_count(),
        'memory_gib': round(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30, 1),
        'kernel': platform.release(),
        'system': system(),
        'load_before': round(os.getloadavg()[0], 2),
        'compiler': first_line('c++', '--version'),
        'libcurl': first_line('curl-config', '--version') or first_line('curl', '--version'),
        'commit': first_line('git', '-C', str(root), 'describe', '--always', '--dirty', '--abbrev=12'),
    }


def processor() -> str:
    try:
        text = pathlib.Path('/proc/cpuinfo').read_text(encoding='utf-8')
    except OSError:
        return platform.machine()
    found = re.search(r'^model name\s*:\s*(.*)$', text, re.MULTILINE)
    return found.group(1) if found else platform.machine()


def system() -> str:
    try:
        return platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())
    except OSError:
        return platform.system()


def first_line(*command: str) -> str:
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ''
    return output.split('\n', 1)[0].strip()
