#!/bin/sh
# Rebuilds the demo print files (*.gcode.gz) from models.py and ../slicing/demo-fdm.ini.
# Needs prusa-slicer and python3. Prints one README table row per file.
# The slicer writes the date into line 1; it is cut, so the same slicer gives the same bytes.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 models.py "$tmp"
for name in heart vertebra guide; do
    g=$tmp/$name.gcode
    prusa-slicer --export-gcode --load ../slicing/demo-fdm.ini --output "$g" "$tmp/$name.stl" >"$tmp/log" 2>&1 ||
        { cat "$tmp/log" >&2; exit 1; }
    sed -i '1s/ on [0-9-]* at .*$//' "$g"
    time=$(sed -n 's/^; estimated printing time (normal mode) = //p' "$g")
    [ -n "$time" ] || { echo "$name: no slicer footer" >&2; exit 1; }
    gzip -9 -n -c "$g" >"$name.gcode.gz"
    echo "| $name.gcode.gz | $(wc -c <"$name.gcode.gz") | $(wc -c <"$g") | $(wc -l <"$g") | $time | $(sha256sum <"$g" | cut -d' ' -f1) |"
done
