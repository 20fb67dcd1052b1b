#!/usr/bin/env python3
# Writes an SL1 anew without the day on which it was made; its pictures and settings stay as they are.
# Use: undated.py IN.sl1 OUT.sl1
import re
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as old, zipfile.ZipFile(sys.argv[2], "w") as new:
    for name in old.namelist():
        content = old.read(name)
        if name == "config.ini":
            content = re.sub(rb"(?m)^fileCreationTimestamp = .*\n", b"", content)
        plain = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        plain.compress_type = zipfile.ZIP_DEFLATED
        new.writestr(plain, content, compresslevel=9)
